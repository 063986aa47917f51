//! The metadata values of a GGUF file, borrowed from its bytes.

use super::container::Reader;

/// One metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Any of the unsigned integers.
    Unsigned(u64),
    /// Any of the signed integers.
    Signed(i64),
    /// Single or double precision.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// UTF-8 text.
    Text(&'a str),
    /// A list of one kind.
    List(List<'a>),
}

/// A list of values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum List<'a> {
    /// Integers of any width.
    Integers(Vec<i64>),
    /// Single or double precision.
    Floats(Vec<f32>),
    /// True or false.
    Bools(Vec<bool>),
    /// UTF-8 texts.
    Texts(Vec<&'a str>),
}

const BOOL: u32 = 7;
const TEXT: u32 = 8;
const LIST: u32 = 9;

impl<'a> Value<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, String> {
        let kind = reader.u32()?;
        Ok(match kind {
            0 | 2 | 4 | 10 => Self::Unsigned(unsigned(reader, kind)?),
            1 | 3 | 5 | 11 => Self::Signed(signed(reader, kind)?),
            6 | 12 => Self::Float(float(reader, kind)?),
            BOOL => Self::Bool(boolean(reader)?),
            TEXT => Self::Text(reader.text()?),
            LIST => Self::List(List::read(reader)?),
            other => return Err(format!("metadata of unknown kind {other}")),
        })
    }

    /// The value as an index or a count.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The value as a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Signed(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl<'a> List<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, String> {
        let kind = reader.u32()?;
        let width = match kind {
            0 | 1 | BOOL => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 | TEXT => 8,
            other => return Err(format!("a list of unknown kind {other}")),
        };
        let count = reader.count(width)?;
        let items = 0..count;
        Ok(match kind {
            0 | 2 | 4 | 10 => Self::Integers(
                items.map(|_| unsigned(reader, kind).map(|value| value.cast_signed())).collect::<Result<_, _>>()?,
            ),
            1 | 3 | 5 | 11 => Self::Integers(items.map(|_| signed(reader, kind)).collect::<Result<_, _>>()?),
            6 | 12 => {
                Self::Floats(items.map(|_| float(reader, kind).map(|value| value as f32)).collect::<Result<_, _>>()?)
            }
            BOOL => Self::Bools(items.map(|_| boolean(reader)).collect::<Result<_, _>>()?),
            _ => Self::Texts(items.map(|_| reader.text()).collect::<Result<_, _>>()?),
        })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Bools(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn unsigned(reader: &mut Reader<'_>, kind: u32) -> Result<u64, String> {
    Ok(match kind {
        0 => reader.array::<1>()?[0].into(),
        2 => u16::from_le_bytes(reader.array()?).into(),
        4 => reader.u32()?.into(),
        _ => reader.u64()?,
    })
}

fn signed(reader: &mut Reader<'_>, kind: u32) -> Result<i64, String> {
    Ok(match kind {
        1 => i8::from_le_bytes(reader.array()?).into(),
        3 => i16::from_le_bytes(reader.array()?).into(),
        5 => i32::from_le_bytes(reader.array()?).into(),
        _ => i64::from_le_bytes(reader.array()?),
    })
}

fn float(reader: &mut Reader<'_>, kind: u32) -> Result<f64, String> {
    Ok(match kind {
        6 => f32::from_le_bytes(reader.array()?).into(),
        _ => f64::from_le_bytes(reader.array()?),
    })
}

fn boolean(reader: &mut Reader<'_>) -> Result<bool, String> {
    match reader.array::<1>()?[0] {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(format!("{other} is neither true nor false")),
    }
}
