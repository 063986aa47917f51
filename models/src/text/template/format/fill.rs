//! Values in the places of a format: `%` codes, and the replacement fields of `str.format`.

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, Tuple, ValueKind},
};

use super::{
    super::{python_text::price, repr},
    layout::{Layout, bounded, float, laid, of_float, of_number, of_text, size_of},
};

/// Bytes made for one unit of fuel.
const BYTES: usize = 64;

/// The values that a format takes, by position or by name.
struct Given<'a> {
    listed: &'a [Value],
    named: Option<Value>,
    next: usize,
    /// Set once a position was written out: counting them is over then.
    is_numbered: bool,
}

pub(super) fn invalid(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// A text with values in the places of its `%` codes: those of a tuple, of a mapping by name, or the one value.
///
/// # Errors
/// If a code is not known, a value is missing, or the result would be longer than `limit` bytes.
pub(in super::super) fn percent(
    state: &State<'_, '_>,
    format: &str,
    right: &Value,
    limit: usize,
) -> Result<String, Error> {
    if let Some(tuple) = right.downcast_object_ref::<Tuple>() {
        return percent_of(state, format, Given::new(tuple, None), limit);
    }
    let named = (right.kind() == ValueKind::Map).then(|| right.clone());
    percent_of(state, format, Given::new(std::slice::from_ref(right), named), limit)
}

/// The filter `format`, whose arguments are the values.
pub(in super::super) fn percent_filter(
    state: &State<'_, '_>,
    format: &str,
    arguments: &[Value],
    limit: usize,
) -> Result<String, Error> {
    percent_of(state, format, Given::of(arguments), limit)
}

fn percent_of(state: &State<'_, '_>, format: &str, mut given: Given<'_>, limit: usize) -> Result<String, Error> {
    state.consume_fuel(price(format))?;
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = &rest[at + 1..];
        let (name, code) = match code.strip_prefix('(') {
            Some(named) => named.split_once(')').map(|(name, code)| (Some(name), code)).ok_or_else(open_code)?,
            None => (None, code),
        };
        let letter = code.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'h' | 'l' | 'L') || c == '%');
        let letter = letter.ok_or_else(open_code)?;
        let kind = char::from(code.as_bytes()[letter]);
        if kind == '%' {
            text.push('%');
        } else {
            let layout = percent_layout(&code[..letter], kind, &mut given)?;
            let value = match name {
                Some(name) => given.by_name(name)?,
                None => given.following()?,
            };
            add(state, &mut text, &percent_value(&value, layout, kind)?, limit)?;
        }
        rest = &code[letter + 1..];
    }
    add(state, &mut text, rest, limit)?;
    // A mapping need not be used up.
    if given.named.is_none() && given.next < given.listed.len() {
        return Err(invalid("format: more arguments than codes"));
    }
    Ok(text)
}

fn open_code() -> Error {
    invalid("format: an open code")
}

/// Flags, width and precision of a code; either size may be a value.
fn percent_layout(code: &str, kind: char, given: &mut Given<'_>) -> Result<Layout, Error> {
    let code = code.trim_end_matches(['h', 'l', 'L']);
    let size = code.trim_start_matches(['#', '0', '-', ' ', '+']);
    let flags = &code[..code.len() - size.len()];
    let (width, precision) = size.split_once('.').map_or((size, None), |(width, precision)| (width, Some(precision)));
    let mut number = |text: &str| match text {
        "*" => {
            let value = given.following()?;
            usize::try_from(value).map_err(|_| invalid("format: a size that is no number"))
        }
        text => size_of(text),
    };
    let (width, precision) = (number(width)?, precision.map(&mut number).transpose()?);
    let is_number = !matches!(kind, 's' | 'r' | 'a' | 'c');
    let has = |flag: char| flags.contains(flag);
    Ok(Layout {
        align: Some(if has('-') { '<' } else { '>' }),
        sign: if has('+') { Some('+') } else { has(' ').then_some(' ') },
        alternate: has('#'),
        zeros: has('0') && is_number && !has('-'),
        width: bounded(width)?,
        precision,
        kind: Some(kind),
        ..Layout::default()
    })
}

fn percent_value(value: &Value, mut layout: Layout, kind: char) -> Result<String, Error> {
    if layout.zeros {
        layout.align = Some('=');
    }
    match kind {
        's' | 'r' | 'a' => {
            layout.sign = None;
            layout.kind = None;
            of_text(&converted(value, Some(kind))?, &layout)
        }
        'c' if value.as_str().is_some_and(|text| text.chars().count() == 1) => {
            of_text(value.as_str().unwrap_or_default(), &Layout { sign: None, kind: None, precision: None, ..layout })
        }
        'd' | 'i' | 'u' => {
            let whole = match i128::try_from(value.clone()) {
                Ok(whole) => whole,
                Err(_) if value.kind() == ValueKind::Number => f64::try_from(value.clone())?.trunc() as i128,
                Err(_) => return Err(invalid(format!("format: %{kind} of what is no number"))),
            };
            let digits = layout.precision.take().map(bounded).transpose()?.unwrap_or(0);
            let text = format!("{:0digits$}", whole.unsigned_abs());
            Ok(laid(whole < 0, "", &text, &layout, '>'))
        }
        'o' | 'x' | 'X' | 'c' => {
            layout.precision = None;
            of_number(value, &layout)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => of_float(float(value)?, &layout),
        other => Err(invalid(format!("format: %{other} is not known"))),
    }
}

/// The method `format`: a text with values in the places of its fields in braces.
///
/// # Errors
/// If a field or its layout is not known, a value is missing, or the result would be longer than `limit` bytes.
pub(in super::super) fn braces(
    state: &State<'_, '_>,
    format: &str,
    arguments: &[Value],
    limit: usize,
) -> Result<String, Error> {
    braces_of(state, format, Given::of(arguments), limit)
}

/// The method `format_map`, whose argument is a mapping of the values.
pub(in super::super) fn braces_of_map(
    state: &State<'_, '_>,
    format: &str,
    map: &Value,
    limit: usize,
) -> Result<String, Error> {
    braces_of(state, format, Given::new(&[], Some(map.clone())), limit)
}

fn braces_of(state: &State<'_, '_>, format: &str, mut given: Given<'_>, limit: usize) -> Result<String, Error> {
    state.consume_fuel(price(format))?;
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let sign = &rest[at..=at];
        let behind = &rest[at + 1..];
        if let Some(behind) = behind.strip_prefix(sign) {
            text.push_str(sign);
            rest = behind;
            continue;
        }
        let length = if sign == "{" { field_length(behind) } else { None };
        let length = length.ok_or_else(|| invalid("format: a brace without its other"))?;
        let written = field(&behind[..length], &mut given)?;
        add(state, &mut text, &written, limit)?;
        rest = &behind[length + 1..];
    }
    add(state, &mut text, rest, limit)?;
    Ok(text)
}

/// Bytes up to the brace that closes a field.
fn field_length(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().position(|byte| {
        let closes = byte == b'}' && depth == 0;
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= usize::from(depth > 0),
            _ => {}
        }
        closes
    })
}

/// A field without its braces: `name!conversion:layout`.
fn field(field: &str, given: &mut Given<'_>) -> Result<String, Error> {
    let (name, layout) = field.split_once(':').unwrap_or((field, ""));
    let (name, conversion) = match name.split_once('!') {
        Some((name, conversion)) => (name, Some(conversion)),
        None => (name, None),
    };
    let value = given.of_field(name)?;
    let layout = Layout::parse(&nested(layout, given)?)?;
    let conversion = match conversion {
        None => None,
        Some(letter @ ("r" | "s" | "a")) => letter.chars().next(),
        Some(_) => return Err(invalid("format: a conversion other than !r, !s and !a")),
    };
    match (conversion, value.kind()) {
        (Some(_), _) | (None, ValueKind::String) => of_text(&converted(&value, conversion)?, &layout),
        (None, _) if layout.is_empty() => converted(&value, None),
        (None, ValueKind::Number | ValueKind::Bool) => of_number(&value, &layout),
        (None, _) => Err(invalid("format: a layout beside what is neither a text nor a number")),
    }
}

/// A layout with the fields in it filled in.
fn nested(layout: &str, given: &mut Given<'_>) -> Result<String, Error> {
    let mut text = String::new();
    let mut rest = layout;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').ok_or_else(|| invalid("format: a brace without its other"))?;
        text.push_str(before);
        text.push_str(&converted(&given.of_field(name)?, None)?);
        rest = behind;
    }
    Ok(text + rest)
}

impl<'a> Given<'a> {
    fn new(listed: &'a [Value], named: Option<Value>) -> Self {
        Self { listed, named, next: 0, is_numbered: false }
    }

    /// Arguments of a call.
    fn of(arguments: &'a [Value]) -> Self {
        match arguments.split_last() {
            Some((named, listed)) if named.is_kwargs() => Self::new(listed, Some(named.clone())),
            _ => Self::new(arguments, None),
        }
    }

    fn following(&mut self) -> Result<Value, Error> {
        let value = self.listed.get(self.next).cloned();
        self.next += 1;
        value.ok_or_else(|| invalid("format: more codes than arguments"))
    }

    fn by_name(&self, name: &str) -> Result<Value, Error> {
        let named = self.named.as_ref().ok_or_else(|| invalid("format: a name beside what is no mapping"))?;
        let value = match Kwargs::try_from(named.clone()) {
            Ok(kwargs) if named.is_kwargs() => kwargs.peek::<Value>(name).ok(),
            _ => named.get_attr(name).ok(),
        };
        let value = value.filter(|value| !value.is_undefined());
        value.ok_or_else(|| invalid(format!("format: no {name:?} is given")))
    }

    fn of_field(&mut self, name: &str) -> Result<Value, Error> {
        if name.is_empty() && !self.is_numbered {
            return self.following();
        }
        if let Ok(at) = name.parse::<usize>()
            && (self.next == 0 || self.is_numbered)
        {
            self.is_numbered = true;
            return self.listed.get(at).cloned().ok_or_else(|| invalid("format: more codes than arguments"));
        }
        if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid("format: fields are numbered either all or none"));
        }
        if name.contains(['.', '[']) {
            return Err(invalid("format: only whole values are supported, no parts of them"));
        }
        self.by_name(name)
    }
}

/// The text of a value: as it is written, or by a conversion.
fn converted(value: &Value, conversion: Option<char>) -> Result<String, Error> {
    let plain = matches!(
        value.kind(),
        ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Undefined
    );
    if !plain {
        return Err(invalid("format: only texts and numbers are supported"));
    }
    Ok(match conversion {
        Some('r') => repr::repr(value),
        Some('a') => repr::ascii(value),
        _ => value.as_str().map_or_else(|| repr::plain(value), str::to_owned),
    })
}

fn add(state: &State<'_, '_>, text: &mut String, written: &str, limit: usize) -> Result<(), Error> {
    state.consume_fuel((written.len() / BYTES) as u64)?;
    if text.len() + written.len() > limit {
        return Err(invalid("format: what it would make is too long"));
    }
    text.push_str(written);
    Ok(())
}
