//! Layout of one value: the format specification mini-language of Python, which `%` codes share.

use minijinja::{Error, Value, value::ValueKind};

use super::{super::repr, fill::invalid};

/// Largest width of a field.
const WIDEST: usize = 1_000;
/// Most decimals of a number.
const DECIMALS: usize = 30;

/// Layout of one value.
#[derive(Clone, Default)]
pub(super) struct Layout {
    pub(super) fill: Option<char>,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    /// Prefix of the base.
    pub(super) alternate: bool,
    /// Zeros between the sign and the digits.
    pub(super) zeros: bool,
    pub(super) width: usize,
    /// Separator of groups of digits.
    pub(super) group: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

pub(super) fn size_of(digits: &str) -> Result<usize, Error> {
    match digits {
        "" => Ok(0),
        digits => digits.parse().map_err(|_| invalid("format: no size")),
    }
}

pub(super) fn bounded(size: usize) -> Result<usize, Error> {
    at_most(size, WIDEST, "a width")
}

fn at_most(size: usize, most: usize, what: &str) -> Result<usize, Error> {
    if size > most { Err(invalid(format!("format: {what} of more than {most}"))) } else { Ok(size) }
}

impl Layout {
    /// Parses `[[fill]align][sign][#][0][width][group][.precision][kind]`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut layout = Self::default();
        let letters: Vec<char> = text.chars().collect();
        let mut rest = letters.as_slice();
        let aligns = |c: &char| matches!(c, '<' | '>' | '=' | '^');
        match rest {
            [fill, align, behind @ ..] if aligns(align) => {
                (layout.fill, layout.align, rest) = (Some(*fill), Some(*align), behind);
            }
            [align, behind @ ..] if aligns(align) => (layout.align, rest) = (Some(*align), behind),
            _ => {}
        }
        let mut one = |wanted: &[char]| match rest {
            [first, behind @ ..] if wanted.contains(first) => {
                rest = behind;
                Some(*first)
            }
            _ => None,
        };
        layout.sign = one(&['+', '-', ' ']);
        layout.alternate = one(&['#']).is_some();
        layout.zeros = one(&['0']).is_some();
        let digits = |rest: &mut &[char]| {
            let count = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            let (digits, behind) = rest.split_at(count);
            *rest = behind;
            size_of(&digits.iter().collect::<String>())
        };
        layout.width = bounded(digits(&mut rest)?)?;
        if let [sign @ (',' | '_'), behind @ ..] = rest {
            (layout.group, rest) = (Some(*sign), behind);
        }
        if let ['.', behind @ ..] = rest {
            rest = behind;
            layout.precision = Some(bounded(digits(&mut rest)?)?);
        }
        match rest {
            [] => Ok(layout),
            [kind] if kind.is_ascii_alphabetic() || *kind == '%' => Ok(Self { kind: Some(*kind), ..layout }),
            _ => Err(invalid("format: a layout that Python does not know")),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { fill, align, sign, alternate, zeros, width, group, precision, kind } = self;
        fill.is_none()
            && align.is_none()
            && sign.is_none()
            && group.is_none()
            && precision.is_none()
            && kind.is_none()
            && !alternate
            && !zeros
            && *width == 0
    }
}

pub(super) fn of_text(text: &str, layout: &Layout) -> Result<String, Error> {
    let is_of_number = layout.sign.is_some() || layout.group.is_some() || layout.align == Some('=');
    if is_of_number || layout.kind.is_some_and(|kind| kind != 's') {
        return Err(invalid("format: the layout of a number beside a text"));
    }
    let cut: String = match layout.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    };
    Ok(laid(false, "", &cut, layout, '<'))
}

pub(super) fn float(value: &Value) -> Result<f64, Error> {
    match value.kind() {
        ValueKind::Number | ValueKind::Bool => {
            let whole = i128::try_from(value.clone()).map(|whole| whole as f64);
            whole.or_else(|_| f64::try_from(value.clone()))
        }
        _ => Err(invalid("format: a number is needed")),
    }
}

pub(super) fn of_number(value: &Value, layout: &Layout) -> Result<String, Error> {
    let is_float = value.kind() == ValueKind::Number && !value.is_integer();
    match layout.kind {
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return of_float(float(value)?, layout),
        None | Some('n') if is_float => return of_float(float(value)?, layout),
        _ => {}
    }
    let whole = match i128::try_from(value.clone()) {
        Ok(whole) if !is_float && layout.precision.is_none() => whole,
        _ => return Err(invalid("format: the layout of another kind of value")),
    };
    let size = whole.unsigned_abs();
    let (prefix, digits) = match layout.kind {
        None | Some('d' | 'n') => ("", size.to_string()),
        Some('b') => ("0b", format!("{size:b}")),
        Some('o') => ("0o", format!("{size:o}")),
        Some('x') => ("0x", format!("{size:x}")),
        Some('X') => ("0X", format!("{size:X}")),
        Some('c') => {
            let character = u32::try_from(whole).ok().and_then(char::from_u32);
            let character = character.ok_or_else(|| invalid("format: no character has this number"))?;
            return Ok(laid(false, "", &character.to_string(), layout, '<'));
        }
        Some(other) => return Err(invalid(format!("format: a whole number as {other:?}"))),
    };
    let every = if prefix.is_empty() { 3 } else { 4 };
    let digits = grouped(&digits, layout, every)?;
    Ok(laid(whole < 0, if layout.alternate { prefix } else { "" }, &digits, layout, '>'))
}

pub(super) fn of_float(number: f64, layout: &Layout) -> Result<String, Error> {
    let kind = layout.kind.filter(|kind| *kind != 'n');
    let precision = layout.precision.map(|decimals| at_most(decimals, DECIMALS, "a precision")).transpose()?;
    let size = number.abs();
    let text = match kind {
        _ if !size.is_finite() => (if size.is_nan() { "nan" } else { "inf" }).to_owned(),
        None if precision.is_none() => repr::python_float(size),
        None => general(size, precision.unwrap_or(6), true, false),
        Some('e' | 'E') => exponential(size, precision.unwrap_or(6)),
        Some('g' | 'G') => general(size, precision.unwrap_or(6), false, layout.alternate),
        Some('%') => format!("{:.*}%", precision.unwrap_or(6), size * 100.0),
        _ => format!("{size:.*}", precision.unwrap_or(6)),
    };
    let text = if kind.is_some_and(|kind| kind.is_ascii_uppercase()) { text.to_uppercase() } else { text };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let text = grouped(&text[..end], layout, 3)? + &text[end..];
    Ok(laid(number.is_sign_negative() && !number.is_nan(), "", &text, layout, '>'))
}

/// `d.ddde+dd`.
fn exponential(size: f64, decimals: usize) -> String {
    let text = format!("{size:.decimals$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As many digits as the precision says, with an exponent where the point would be far from them.
fn general(size: f64, precision: usize, keeps_point: bool, keeps_zeros: bool) -> String {
    let precision = precision.max(1);
    let rounded = exponential(size, precision - 1);
    let (digits, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let power: i64 = exponent.parse().unwrap_or(0);
    let bare = |digits: &str| match digits.contains('.') && !keeps_zeros {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if power < -4 || power >= precision as i64 - i64::from(keeps_point) {
        return format!("{}e{exponent}", bare(digits));
    }
    let decimals = usize::try_from(precision as i64 - 1 - power).unwrap_or(0);
    let text = bare(&format!("{size:.decimals$}"));
    if keeps_point && !text.contains('.') { format!("{text}.0") } else { text }
}

/// Digits with a separator between groups of them.
fn grouped(digits: &str, layout: &Layout, every: usize) -> Result<String, Error> {
    let Some(separator) = layout.group else { return Ok(digits.to_owned()) };
    if layout.zeros || (layout.fill == Some('0') && layout.align == Some('=')) {
        return Err(invalid("format: groups of digits beside a filling of zeros"));
    }
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(every) {
            text.push(separator);
        }
        text.push(digit);
    }
    Ok(text)
}

/// Sign, prefix and digits in a field of the layout's width.
pub(super) fn laid(is_negative: bool, prefix: &str, text: &str, layout: &Layout, usual: char) -> String {
    let is_number = usual == '>';
    let sign = match (is_negative, layout.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let fill = layout.fill.unwrap_or(if layout.zeros { '0' } else { ' ' });
    let align = layout.align.unwrap_or(if layout.zeros && is_number { '=' } else { usual });
    let missing = layout.width.saturating_sub(sign.len() + prefix.len() + text.chars().count());
    let some = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    match align {
        '<' => format!("{sign}{prefix}{text}{}", some(missing)),
        '^' => format!("{}{sign}{prefix}{text}{}", some(missing / 2), some(missing - missing / 2)),
        '=' => format!("{sign}{prefix}{}{text}", some(missing)),
        _ => format!("{}{sign}{prefix}{text}", some(missing)),
    }
}
