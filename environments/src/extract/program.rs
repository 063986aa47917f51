//! The programs of a reply, from the least to the most likely one.

use super::fences::{Block, blocks};
use super::thought::after_thought;
use crate::Extraction;

/// Most programs that are looked at.
const MOST: usize = 12;
/// Levels of blocks in blocks.
const DEEPEST: usize = 3;

/// A program in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its text.
    pub(crate) source: String,
    /// Its place in the reply.
    pub(crate) place: Extraction,
}

/// The programs that a reply may mean, the likeliest last: its blocks of Python, before them those that say no language, before
/// them all others; the whole reply where it has no block. The program is the last of them that compiles.
pub(crate) fn programs(reply: &str) -> Vec<Program> {
    let Some(body) = after_thought(reply) else { return Vec::new() };
    let (mut python, mut plain, mut others) = (Vec::new(), Vec::new(), Vec::new());
    collect(body, DEEPEST, &mut |tag, program| match tag {
        "" => plain.push(program),
        tag if is_python(tag) => python.push(program),
        _ => others.push(program),
    });
    let mut found: Vec<Program> = others.into_iter().chain(plain).chain(python).collect();
    if found.is_empty() {
        // A fence without a block is no part of a program.
        let lines = body.split_inclusive('\n').filter(|line| !is_fence(line));
        found = filled(lines.collect(), Extraction::WholeReply).into_iter().collect();
    }
    found.split_off(found.len().saturating_sub(MOST))
}

fn collect(text: &str, levels: usize, take: &mut impl FnMut(&str, Program)) {
    for block in blocks(text) {
        let content = block.dedented();
        if levels > 0
            && content.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("```") || line.starts_with("~~~")
            })
        {
            collect(&content, levels - 1, take);
        }
        if let Some(program) = filled(content, place(&block)) {
            take(&block.tag, program);
        }
    }
}

fn filled(source: String, place: Extraction) -> Option<Program> {
    (!source.trim().is_empty()).then_some(Program { source, place })
}

fn place(block: &Block<'_>) -> Extraction {
    if is_python(&block.tag) {
        Extraction::PythonBlock
    } else if block.tag.is_empty() {
        Extraction::PlainBlock
    } else {
        Extraction::OtherBlock
    }
}

fn is_python(tag: &str) -> bool {
    matches!(tag, "py" | "py3" | "ipython" | "ipython3" | "pyodide") || tag.starts_with("python")
}

fn is_fence(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("```") && !line.trim_start_matches('`').contains('`')) || line.starts_with("~~~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reply: &str, expected: &[&str]) {
        let found = programs(reply);
        assert_eq!(found.iter().map(|program| program.source.as_str()).collect::<Vec<_>>(), expected, "{reply:?}");
    }

    #[test]
    fn the_likeliest_program_is_the_last() {
        check("print(1)", &["print(1)"]);
        check("Here:\n```python\nprint(1)\n```\nbye", &["print(1)\n"]);
        check("```\na\n```\n```py\nb\n```", &["a\n", "b\n"]);
        check("```python\na\n```\nprints\n```\n5\n```", &["5\n", "a\n"]);
        check("```python\na\n```\n```text\n5\n```", &["5\n", "a\n"]);
        check("```python3\na\n```\n```python\nb\n```", &["a\n", "b\n"]);
        check("```python\nprint(1)", &["print(1)"]);
        check("print(1)\n```", &["print(1)\n"]);
        check("```\n```", &[]);
        check("```python\n```", &[]);
        check("", &[]);
        check("```\n \n```", &[]);
        check("<think>```\nprint(1)\n```</think>", &[]);
        check("<think>\n```\na\n```\n</think>\n```\nb\n```", &["b\n"]);
        check("<think>```\na\n```", &[]);
        check("```python\nprint('```')\n```", &["print('```')\n"]);
        check("```python\r\nprint(1)\r\n```\r\n", &["print(1)\r\n"]);
        check("    ```python\n    print(1)\n    ```", &["print(1)\n"]);
        check("```print(1)``` is not it.\n```python\na\n```", &["a\n"]);
        check("````markdown\n```python\na\n```\n````", &["```python\na\n```\n", "a\n"]);
        check("```python\na\n```python\nb\n```", &["b\n", "a\n```python\nb\n"]);
        check("```python\na```", &["a", "a```"]);
        check("1. x\n   ~~~python\n   a\n   ~~~", &["a\n"]);
    }

    #[test]
    fn a_reply_of_many_blocks_gives_the_likeliest_of_them() {
        let reply: String = (0..100).map(|n| format!("```python\n{n}\n```\n")).collect();
        let found = programs(&reply);
        assert_eq!((found.len(), found[MOST - 1].source.as_str()), (MOST, "99\n"));
    }
}
