//! Fenced blocks of Markdown, as models write them: of backquotes or tildes, nested, indented, in lists and quotes, with the
//! closing fence at the end of a line or missing (CommonMark 0.31, section 4.5, and its common breaches).

use std::borrow::Cow;

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// First word of the info string, in lower case; empty without one.
    pub(super) tag: String,
    /// The lines between the fences, as they stand in the text.
    pub(super) content: &'a str,
    /// Columns of the opening fence, which its lines are indented by.
    pub(super) indent: usize,
    /// Set if its lines begin with `>`.
    pub(super) is_quoted: bool,
}

/// An opening or closing fence.
struct Fence {
    mark: char,
    length: usize,
    info: String,
    indent: usize,
    is_quoted: bool,
}

/// Shortest fence.
const SHORTEST: usize = 3;

/// The fenced blocks of a text, in order. A block that the text does not close ends with it. Where a line ends with a fence, the
/// block is given twice: up to there, and up to the line that closes it.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(Fence, usize)> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let next = offset + line.len();
        let fence = fence(line);
        open = match (open, fence) {
            (None, fence) => fence.map(|fence| (fence, next)),
            (Some((opening, start)), Some(closing)) if closes(&opening, &closing) => {
                blocks.push(block(&opening, &text[start..offset]));
                None
            }
            (Some((opening, start)), _) => {
                if let Some(end) = fence_at_end(line, &opening) {
                    blocks.push(block(&opening, &text[start..offset + end]));
                }
                Some((opening, start))
            }
        };
        offset = next;
    }
    if let Some((opening, start)) = open {
        blocks.push(block(&opening, &text[start..]));
    }
    blocks
}

impl Block<'_> {
    /// The content without the fence's indentation, marks of quotes and what all its lines are indented by.
    pub(super) fn dedented(&self) -> String {
        let lines: Vec<Cow<'_, str>> = self.content.split_inclusive('\n').map(|line| self.unquoted(line)).collect();
        let filled = || lines.iter().filter(|line| !line.trim().is_empty());
        let common = filled().map(|line| line.len() - line.trim_start_matches([' ', '\t']).len()).min().unwrap_or(0);
        lines
            .iter()
            .map(|line| {
                line.get(common..)
                    .filter(|_| !line.trim().is_empty())
                    .unwrap_or_else(|| line.trim_start_matches([' ', '\t']))
            })
            .collect()
    }

    fn unquoted<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if self.is_quoted
            && let Some(rest) = line.trim_start().strip_prefix('>')
        {
            return rest.strip_prefix(' ').unwrap_or(rest).into();
        }
        line.into()
    }
}

fn block<'a>(opening: &Fence, content: &'a str) -> Block<'a> {
    let word = opening.info.split([' ', '\t', ',', ':', '}']).find(|word| !word.is_empty()).unwrap_or_default();
    let tag = word.trim_start_matches(['{', '.']).to_lowercase();
    Block { tag, content, indent: opening.indent, is_quoted: opening.is_quoted }
}

/// The fence that a line is, behind marks of quotes and lists.
fn fence(line: &str) -> Option<Fence> {
    let mut rest = line.trim();
    let is_quoted = rest.starts_with('>');
    rest = rest.trim_start_matches(['>', ' ']);
    rest = after_bullet(rest);
    let mark = rest.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = rest.trim_start_matches(mark);
    let length = rest.len() - info.len();
    // Backquotes behind the fence make it code within a line.
    let is_inline = mark == '`' && info.contains('`');
    let indent = line.find(mark).unwrap_or(0);
    (length >= SHORTEST && !is_inline).then(|| Fence { mark, length, info: info.trim().to_owned(), indent, is_quoted })
}

/// A line without the mark of a list before it.
pub(super) fn after_bullet(line: &str) -> &str {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match (line.len() - digits.len(), digits.strip_prefix(['.', ')'])) {
        (1..=3, Some(rest)) => Some(rest),
        _ => line.strip_prefix(['-', '*', '+', '\u{2022}']),
    };
    rest.filter(|rest| rest.starts_with([' ', '\t'])).map_or(line, str::trim_start)
}

fn closes(opening: &Fence, closing: &Fence) -> bool {
    closing.mark == opening.mark && closing.length >= opening.length && closing.info.is_empty()
}

/// Position in a line of the fence that it ends with, behind other text.
fn fence_at_end(line: &str, opening: &Fence) -> Option<usize> {
    let line = line.trim_end();
    let before = line.trim_end_matches(opening.mark);
    (!before.trim().is_empty() && line.len() - before.len() >= opening.length).then_some(before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = blocks(text);
        let found: Vec<(&str, String)> = found.iter().map(|block| (block.tag.as_str(), block.dedented())).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(tag, text)| (*tag, text.as_str())).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn blocks_are_found_as_models_write_them() {
        check("```\na\n```", &[("", "a\n")]);
        check("```python\na\n```\ntext\n~~~\nb\n~~~", &[("python", "a\n"), ("", "b\n")]);
        check("```Python title=\"x\"\na\n```", &[("python", "a\n")]);
        check("```{.python}\na\n```", &[("python", "a\n")]);
        check("``` py\na\n```", &[("py", "a\n")]);
        // not closed, closed at the end of a line
        check("```python\na", &[("python", "a")]);
        check("```python\na```", &[("python", "a"), ("python", "a```")]);
        check("```\na\n```\n```\nb", &[("", "a\n"), ("", "b")]);
        // nested
        check("````\n```\na\n```\n````", &[("", "```\na\n```\n")]);
        check("~~~\n```\na\n```\n~~~", &[("", "```\na\n```\n")]);
        check("```\n~~~\na\n```", &[("", "~~~\na\n")]);
        // indented, in a list, in a quote
        check("1. So:\n   ```python\n   if x:\n       y\n   ```\n", &[("python", "if x:\n    y\n")]);
        check("- ```python\n  a\n  ```", &[("python", "a\n")]);
        check("> ```python\n> if x:\n>     y\n> ```", &[("python", "if x:\n    y\n")]);
        check("    ```\n    a\n\n    b\n    ```", &[("", "a\n\nb\n")]);
        // no fences
        check("```print(1)``` is not it.", &[]);
        check("``\na\n``", &[]);
        check("~~gone~~", &[]);
        check("", &[]);
        check("a\n```", &[("", "")]);
        check("```\r\na\r\n```\r\n", &[("", "a\r\n")]);
    }

    #[test]
    fn marks_of_lists_are_taken_off() {
        for (line, rest) in [
            ("- a", "a"),
            ("* a", "a"),
            ("12. a", "a"),
            ("3) a", "a"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("**a**", "**a**"),
            ("2024. a", "2024. a"),
        ] {
            assert_eq!(after_bullet(line), rest);
        }
    }
}
