//! Translation of a template from Jinja as Python runs it to the dialect of the library here.
//!
//! Only the way to write differs: ends of lines, escapes in texts, and the marks around an assistant's text.

/// Closing words of a raw part, and what opens it.
const RAW: [&str; 2] = ["raw", "endraw"];
/// Marks that training looks at, and blocks of the same scope that do nothing.
const MARKS: [(&str, &str); 2] = [("generation", "with"), ("endgeneration", "endwith")];

/// The template in this dialect.
///
/// # Errors
/// If an escape in a text is one that Python refuses, or a character by its name.
pub(super) fn translated(source: &str) -> Result<String, String> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some(at) = opening(rest) {
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        let length = tag_length(tag);
        let (tag, behind) = tag.split_at(length);
        if words(tag) == RAW[0] {
            let length = end_of_raw(behind);
            out.push_str(tag);
            out.push_str(&behind[..length]);
            rest = &behind[length..];
        } else {
            translate_tag(tag, &mut out)?;
            rest = behind;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Byte at which the next tag or comment begins.
fn opening(text: &str) -> Option<usize> {
    let pairs = text.as_bytes().windows(2);
    pairs.into_iter().position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

/// Bytes of the tag or comment that a text begins with; all of it where nothing closes it.
fn tag_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes[1] == b'#' {
        return text.find("#}").map_or(text.len(), |end| end + 2);
    }
    let close = if bytes[1] == b'%' { b"%}" } else { b"}}" };
    let (mut at, mut depth) = (2, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => at += literal_length(&text[at..]) - 1,
            _ if depth == 0 && bytes[at..].starts_with(close) => return at + 2,
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Bytes of the text literal that a text begins with, quotes included; all of it where nothing closes it.
fn literal_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            quote if quote == bytes[0] => return at + 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Contents of a statement without its signs and blanks; nothing for other tags.
fn words(tag: &str) -> &str {
    let inner = tag.strip_prefix("{%").and_then(|tag| tag.strip_suffix("%}")).unwrap_or_default();
    inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim()
}

/// Bytes of a raw part with the statement that ends it.
fn end_of_raw(text: &str) -> usize {
    let mut at = 0;
    while let Some(open) = text[at..].find("{%") {
        let from = at + open;
        let length = text[from..].find("%}").map_or(text.len() - from, |end| end + 2);
        if words(&text[from..from + length]) == RAW[1] {
            return from + length;
        }
        at = from + 2;
    }
    text.len()
}

fn translate_tag(tag: &str, out: &mut String) -> Result<(), String> {
    if let Some((mark, block)) = MARKS.iter().find(|(mark, _)| words(tag) == *mark) {
        out.push_str(&tag.replacen(mark, block, 1));
        return Ok(());
    }
    if tag.starts_with("{#") {
        out.push_str(tag);
        return Ok(());
    }
    let mut rest = tag;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, from) = rest.split_at(at);
        let (literal, behind) = from.split_at(literal_length(from));
        out.push_str(before);
        if literal.contains('\\') && literal.len() > 1 && literal.ends_with(&literal[..1]) {
            out.push('"');
            for character in unescaped(&literal[1..literal.len() - 1])?.chars() {
                if matches!(character, '"' | '\\') {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('"');
        } else {
            out.push_str(literal);
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(())
}

/// A literal's text by the rules of Python: escapes that it does not know stay as they are.
fn unescaped(literal: &str) -> Result<String, String> {
    let mut text = Utf16Text::default();
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (value, length) = escape_value(escape);
        match value {
            Escape::Nothing => {}
            Escape::Character(code) => text.push_code(code),
            Escape::Unknown => text.push_str(&escape[..length]),
            Escape::Refused(why) => {
                return Err(format!("the escape {:?} {why}", escape.chars().take(8).collect::<String>()));
            }
        }
        rest = &escape[length..];
    }
    text.push_str(rest);
    Ok(text.finish())
}

enum Escape {
    Nothing,
    Character(u32),
    Unknown,
    Refused(&'static str),
}

/// The meaning of the escape that a text begins with, and its bytes.
fn escape_value(text: &str) -> (Escape, usize) {
    let Some(kind) = text[1..].chars().next() else { return (Escape::Unknown, text.len()) };
    let simple = |code: char| (Escape::Character(code.into()), 2);
    let hexadecimal = |digits: usize| {
        let code = text.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        code.map_or((Escape::Refused("is cut short"), 2), |code| (Escape::Character(code), 2 + digits))
    };
    match kind {
        '\n' => (Escape::Nothing, 2),
        '\\' | '\'' | '"' => simple(kind),
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        'x' => hexadecimal(2),
        'u' => hexadecimal(4),
        'U' => hexadecimal(8),
        'N' => (Escape::Refused("names its character: write it by its number"), 2),
        '0'..='7' => {
            let digits = text[1..].bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
            let code = u32::from_str_radix(&text[1..=digits], 8).unwrap_or(0);
            (Escape::Character(code), 1 + digits)
        }
        other => (Escape::Unknown, 1 + other.len_utf8()),
    }
}

/// Text that is put together from code points, the two halves of a surrogate pair included.
#[derive(Default)]
struct Utf16Text {
    text: String,
    half: Option<u16>,
}

impl Utf16Text {
    fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.text.push_str(text);
        }
    }

    fn push_code(&mut self, code: u32) {
        let half = u16::try_from(code).ok().filter(|code| (0xD800..0xE000).contains(code));
        match (self.half.take(), half) {
            (Some(first), Some(second)) => self.text.push_str(&String::from_utf16_lossy(&[first, second])),
            (None, Some(half)) => self.half = Some(half),
            (first, None) => {
                self.half = first;
                self.flush();
                self.text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
    }

    fn flush(&mut self) {
        if self.half.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(translated(source).as_deref(), Ok(expected), "{source}");
    }

    #[test]
    fn lines_end_as_on_unix() {
        check("a\r\nb\rc\n", "a\nb\nc\n");
        check("{{ '\r\n' }}", "{{ '\n' }}");
    }

    #[test]
    fn marks_of_generations_are_blocks_however_they_are_spaced() {
        for (open, close) in [
            ("{% generation %}", "{% with %}"),
            ("{%generation%}", "{%with%}"),
            ("{%- generation +%}", "{%- with +%}"),
            ("{%\n generation\t-%}", "{%\n with\t-%}"),
        ] {
            check(open, close);
            check(&open.replace("gen", "endgen"), &close.replace("with", "endwith"));
        }
        for other in [
            "{{ generation }}",
            "{# generation #}",
            "{% set generation = 1 %}",
            "generation",
            "{% raw %}{% generation %}{% endraw %}",
        ] {
            check(other, other);
        }
    }

    #[test]
    fn escapes_mean_what_they_mean_in_python() {
        check(r"{{ '\101\a\7b' }}", "{{ \"A\u{7}\u{7}b\" }}");
        check(r"{{ '\x41\u00e9\U0001F600\ud83d\ude00' }}", "{{ \"A\u{e9}\u{1f600}\u{1f600}\" }}");
        check(r#"{{ 'a\'b' ~ "c\"d\\e" }}"#, r#"{{ "a'b" ~ "c\"d\\e" }}"#);
        check(r"{{ '\q\d \é' }}", r#"{{ "\\q\\d \\é" }}"#);
        check("{{ 'a\\\nb\\v' }}", "{{ \"ab\u{b}\" }}");
        check(r"{{ '\ud800x\udc00' }}", "{{ \"\u{fffd}x\u{fffd}\" }}");
        check(r"{{ '\777' }}", "{{ \"\u{1ff}\" }}");
        for (source, part) in [
            (r"{{ '\x4' }}", "cut short"),
            (r"{{ '\u12g4' }}", "cut short"),
            (r"{{ '\U0001F60' }}", "cut short"),
            (r"{{ 'a\N{BULLET}' }}", "names its character"),
        ] {
            assert!(translated(source).is_err_and(|reason| reason.contains(part)), "{source}");
        }
        // Outside of texts nothing is an escape.
        for same in [r"\n {{ a }} '\n'", r"{# '\n' #}", r"{% raw %}{{ '\n' }}{% endraw %}", "{{ 'a' }}", "{{ \"'\" }}"]
        {
            check(same, same);
        }
    }

    #[test]
    fn tags_end_where_python_ends_them() {
        check(r"{{ {'a': {'b': '\t}}'}} }}\t{{ '\t' }}", "{{ {'a': {'b': \"\t}}\"}} }}\\t{{ \"\t\" }}");
        check(r"{% if a == '%}' %}'\t'{% endif %}{{ '\t' }}", "{% if a == '%}' %}'\\t'{% endif %}{{ \"\t\" }}");
        check(
            r"{%- raw -%} {{ '\t' {% endraw x %} {%- endraw -%}{{ '\t' }}",
            "{%- raw -%} {{ '\\t' {% endraw x %} {%- endraw -%}{{ \"\t\" }}",
        );
        for open in ["{{ 'a", "{{", "{%", "{#", "{% raw %}{{", "{{ '\\", "{", "{{ \"\\"] {
            check(open, open);
        }
    }
}
