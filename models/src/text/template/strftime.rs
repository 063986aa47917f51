//! Date and time as texts, by the codes of `strftime` in the GNU C library, which Python hands them to.

/// Longest format and largest width, in characters.
const LONGEST: usize = 1_000;

/// Writes the moment of every conversation: midnight of Friday, 26 July 2024, the date that Llama's own templates fall back
/// to. It has no time zone.
///
/// # Errors
/// If the format is longer than anybody writes it.
pub(super) fn strftime(format: &str) -> Result<String, String> {
    if format.len() > LONGEST {
        return Err(format!("strftime_now: a format of more than {LONGEST} bytes"));
    }
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = &rest[at + 1..];
        let flags = code.len() - code.trim_start_matches(['-', '_', '0', '^', '#']).len();
        let digits = code[flags..].len() - code[flags..].trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (flag, width) = (&code[..flags], code[flags..flags + digits].parse().unwrap_or(0));
        let Some(letter) = code[flags + digits..].chars().next() else {
            // What ends in the middle of a code stays as it is.
            text.push_str(&rest[at..]);
            return Ok(text);
        };
        let length = flags + digits + letter.len_utf8();
        match field(letter) {
            Some(field) => text.push_str(&field.written(flag, usize::min(width, LONGEST))),
            None => text.push_str(&rest[at..at + 1 + length]),
        }
        rest = &code[length..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Part of a date: a number with its usual width and filling, or a text.
enum Field {
    Number(u64, usize, char),
    Text(&'static str),
}

impl Field {
    fn written(&self, flags: &str, width: usize) -> String {
        let flag = flags.chars().rev().find(|flag| matches!(flag, '-' | '_' | '0'));
        let (text, fill, usual) = match self {
            Self::Number(number, usual, fill) => (number.to_string(), *fill, *usual),
            Self::Text(text) => ((*text).to_owned(), ' ', 0),
        };
        let text = if flags.contains(['^', '#']) { text.to_uppercase() } else { text };
        let (fill, width) = match (flag, width) {
            (Some('-'), _) => return text,
            (Some('_'), _) => (' ', width.max(usual)),
            (Some(_), _) => ('0', width.max(usual)),
            (None, _) => (fill, width.max(usual)),
        };
        let missing = width.saturating_sub(text.chars().count());
        std::iter::repeat_n(fill, missing).chain(text.chars()).collect()
    }
}

fn field(letter: char) -> Option<Field> {
    let number = |value, width| Some(Field::Number(value, width, '0'));
    let spaced = |value, width| Some(Field::Number(value, width, ' '));
    let text = |text| Some(Field::Text(text));
    match letter {
        'a' => text("Fri"),
        'A' => text("Friday"),
        'b' | 'h' => text("Jul"),
        'B' => text("July"),
        'c' => text("Fri Jul 26 00:00:00 2024"),
        'C' => number(20, 2),
        'd' => number(26, 2),
        'D' | 'x' => text("07/26/24"),
        'e' => spaced(26, 2),
        'f' => text("000000"),
        'F' => text("2024-07-26"),
        'g' | 'y' => number(24, 2),
        'G' | 'Y' => number(2024, 4),
        'H' | 'M' | 'S' => number(0, 2),
        'I' => number(12, 2),
        'j' => number(208, 3),
        'k' => spaced(0, 2),
        'l' => spaced(12, 2),
        'm' => number(7, 2),
        'n' => text("\n"),
        'p' => text("AM"),
        'P' => text("am"),
        'r' => text("12:00:00 AM"),
        'R' => text("00:00"),
        's' => number(1_721_952_000, 1),
        't' => text("\t"),
        'T' | 'X' => text("00:00:00"),
        'u' | 'w' => number(5, 1),
        'U' => number(29, 2),
        'V' | 'W' => number(30, 2),
        'z' | 'Z' => text(""),
        '%' => text("%"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of CPython 3.11 on Linux for that moment.
    #[test]
    fn codes_are_those_of_python_on_linux() {
        for (format, expected) in [
            ("%d %b %Y", "26 Jul 2024"),
            ("%-d. %-m. %y", "26. 7. 24"),
            ("%A, %B %e, %Y at %I:%M %p", "Friday, July 26, 2024 at 12:00 AM"),
            ("%-I:%M %p%z|%Z|", "12:00 AM||"),
            ("%H:%M:%S.%f", "00:00:00.000000"),
            ("%Y-%m-%dT%H:%M:%S%z", "2024-07-26T00:00:00"),
            ("%F %T %D %R %r", "2024-07-26 00:00:00 07/26/24 00:00 12:00:00 AM"),
            ("%j %U %W %V %G %g %u %w %C", "208 29 30 30 2024 24 5 5 20"),
            ("%c|%x|%X", "Fri Jul 26 00:00:00 2024|07/26/24|00:00:00"),
            ("%_m|%-H|%_H|%05d|%^a|%^B", " 7|0| 0|00026|FRI|JULY"),
            ("%h%n%t%%%k%l", "Jul\n\t% 012"),
            ("100%", "100%"),
            ("%s", "1721952000"),
            ("", ""),
        ] {
            assert_eq!(strftime(format).as_deref(), Ok(expected), "{format}");
        }
    }

    #[test]
    fn a_format_cannot_ask_for_much() {
        assert!(strftime(&"%Y".repeat(501)).is_err());
        assert!(strftime("%999999999999d").unwrap().len() <= LONGEST.max(20));
        assert!(strftime(&"%0999d".repeat(166)).unwrap().len() < 200_000);
    }
}
