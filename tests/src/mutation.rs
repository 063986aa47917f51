//! Mutations of an evidence log: each field of each record changed, dropped, doubled and moved, and each record, too.

use std::fmt;
use std::path::Path;

use harness::evidence::{HashChain, Record, ValidatorKey};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Leaves of one list that are mutated: the first and the last ones.
const ENDS: usize = 2;
/// Records of one kind that are mutated in every way; of the others each field is changed.
const THOROUGH: usize = 3;

/// JSON as it is written: keys in their order, leaves as their texts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(String),
}

/// A log that can be mutated and signed again.
#[derive(Debug)]
pub struct MutableLog {
    records: Vec<(String, Node)>,
    key: ValidatorKey,
}

/// One mutation of a log.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// Kind of record and path of the field, without places in lists.
    pub field: String,
    /// The record's place.
    pub record: usize,
    /// The way it is mutated.
    pub way: Way,
    /// Path within the record; none of the whole record.
    at: Vec<usize>,
    /// The value that takes its place.
    value: Option<Node>,
}

/// Ways to mutate a field or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Another value of the same type.
    Changed,
    /// The value that the same field of another record has.
    Exchanged,
    /// Left out.
    Dropped,
    /// Written twice.
    Doubled,
    /// Written at the other end.
    Moved,
}

impl MutableLog {
    /// The log of a file, with the key of its validator.
    ///
    /// # Panics
    /// If it is none.
    pub fn new(evidence: &str, key: &Path) -> Self {
        let record = |line: &str| {
            let record: Record = serde_json::from_str(line).expect("a line of evidence is a record");
            (record.kind, Node::parse(record.body.get()))
        };
        let (key, _) = ValidatorKey::read_or_make(key).expect("the key is there");
        Self { records: evidence.lines().map(record).collect(), key }
    }

    /// All mutations.
    pub fn mutations(&self) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        for (record, (kind, body)) in self.records.iter().enumerate() {
            for way in [Way::Dropped, Way::Doubled, Way::Moved] {
                mutations.push(Mutation { field: kind.clone(), record, way, at: Vec::new(), value: None });
            }
            let before = self.records[..record].iter().filter(|(other, _)| other == kind).count();
            let mut fields = Vec::new();
            body.fields(kind, &mut Vec::new(), &mut fields);
            for (field, at) in fields {
                let value = body.at(&at).expect("the path is one of its fields").changed();
                let mutation = |way, value| Mutation { field: field.clone(), record, way, at: at.clone(), value };
                mutations.push(mutation(Way::Changed, Some(value)));
                mutations.extend(self.another(record, &at).map(|value| mutation(Way::Exchanged, Some(value))));
                if before < THOROUGH {
                    mutations.extend([Way::Dropped, Way::Doubled, Way::Moved].map(|way| mutation(way, None)));
                }
            }
        }
        mutations.retain(|mutation| self.bodies(mutation) != self.records);
        mutations
    }

    /// The value that the same field of the next record of the kind has, where it is another one.
    fn another(&self, record: usize, at: &[usize]) -> Option<Node> {
        let (kind, own) = &self.records[record];
        let others = self.records[record + 1..].iter().chain(&self.records[..record]);
        let values = others.filter(|(other, _)| other == kind).filter_map(|(_, body)| body.at(at));
        values.into_iter().find(|value| Some(*value) != own.at(at)).cloned()
    }

    /// The log with a mutation, linked and signed with the validator's own key.
    ///
    /// # Panics
    /// If the mutation is of another log.
    pub fn with(&self, mutation: &Mutation) -> String {
        let mut chain = HashChain::default();
        let line = |(kind, body): (String, Node)| {
            let body = RawValue::from_string(body.to_string()).expect("a mutated body is JSON");
            serde_json::to_string(&chain.link(&kind, body, &self.key)).expect("a record is plain data") + "\n"
        };
        self.bodies(mutation).into_iter().map(line).collect()
    }

    fn bodies(&self, Mutation { record, way, at, value, .. }: &Mutation) -> Vec<(String, Node)> {
        let mut records = self.records.clone();
        match at.split_last() {
            None => mutate(&mut records, *record, *way, None),
            Some((last, path)) => match records[*record].1.at_mut(path).expect("the path is one of its fields") {
                Node::Object(fields) => {
                    let named = value.clone().map(|value| (fields[*last].0.clone(), value));
                    mutate(fields, *last, *way, named);
                }
                Node::List(items) => mutate(items, *last, *way, value.clone()),
                Node::Leaf(_) => unreachable!("a leaf has no parts"),
            },
        }
        records
    }
}

fn mutate<T: Clone>(items: &mut Vec<T>, place: usize, way: Way, value: Option<T>) {
    match way {
        Way::Changed | Way::Exchanged => items[place] = value.expect("a change has a value"),
        Way::Dropped => drop(items.remove(place)),
        Way::Doubled => items.insert(place, items[place].clone()),
        Way::Moved => {
            let item = items.remove(place);
            let end = if place == items.len() { 0 } else { items.len() };
            items.insert(end, item);
        }
    }
}

impl Node {
    fn parse(text: &str) -> Self {
        fn read<'a, T: Deserialize<'a>>(text: &'a str) -> T {
            serde_json::from_str(text).expect("a body is JSON")
        }
        match text.as_bytes().first() {
            Some(b'{') => {
                let Fields(fields) = read(text);
                Self::Object(fields.into_iter().map(|(name, value)| (name, Self::parse(value.get()))).collect())
            }
            Some(b'[') => {
                Self::List(read::<Vec<Box<RawValue>>>(text).iter().map(|item| Self::parse(item.get())).collect())
            }
            _ => Self::Leaf(text.to_owned()),
        }
    }

    /// Names and paths of all parts below; of a long list of leaves those at its ends.
    fn fields(&self, name: &str, at: &mut Vec<usize>, into: &mut Vec<(String, Vec<usize>)>) {
        let parts: Vec<(usize, String, &Self)> = match self {
            Self::Object(fields) => fields
                .iter()
                .enumerate()
                .map(|(place, (field, node))| (place, format!("{name}.{field}"), node))
                .collect(),
            Self::List(items) => {
                let is_leaves = items.iter().all(|item| matches!(item, Self::Leaf(_)));
                let is_chosen = |place: &usize| !is_leaves || *place < ENDS || *place + ENDS >= items.len();
                let items = items.iter().enumerate().filter(|(place, _)| is_chosen(place));
                items.map(|(place, node)| (place, name.to_owned(), node)).collect()
            }
            Self::Leaf(_) => Vec::new(),
        };
        for (place, field, node) in parts {
            at.push(place);
            into.push((field.clone(), at.clone()));
            node.fields(&field, at, into);
            at.pop();
        }
    }

    fn at(&self, path: &[usize]) -> Option<&Self> {
        path.iter().try_fold(self, |node, place| match node {
            Self::Object(fields) => fields.get(*place).map(|(_, node)| node),
            Self::List(items) => items.get(*place),
            Self::Leaf(_) => None,
        })
    }

    fn at_mut(&mut self, path: &[usize]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, place| match node {
            Self::Object(fields) => fields.get_mut(*place).map(|(_, node)| node),
            Self::List(items) => items.get_mut(*place),
            Self::Leaf(_) => None,
        })
    }

    /// Another value of the same type, as likely as the first where one is known.
    fn changed(&self) -> Self {
        let text = match self {
            Self::Object(_) => "{}".to_owned(),
            Self::List(_) => "[]".to_owned(),
            Self::Leaf(text) => match text.as_str() {
                "true" => "false".to_owned(),
                "false" => "true".to_owned(),
                "null" => "1".to_owned(),
                _ if text.starts_with('"') => changed_text(text),
                _ => changed_number(text),
            },
        };
        Self::parse(&text)
    }
}

/// A text with another last digit, or a longer one.
fn changed_text(text: &str) -> String {
    let inner = &text[..text.len() - 1];
    match inner.chars().last().filter(char::is_ascii_hexdigit) {
        Some(digit) => format!("{}{}\"", &inner[..inner.len() - 1], if digit == '7' { '8' } else { '7' }),
        None => format!("{inner}x\""),
    }
}

/// The next whole number; of a fraction its complement, or half of it.
fn changed_number(text: &str) -> String {
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(whole), _) => whole.wrapping_add(1).to_string(),
        (_, Ok(number)) if (0.0..=1.0).contains(&number) && number != 0.5 => format!("{:?}", 1.0 - number),
        (_, Ok(number)) => format!("{:?}", number / 2.0 + 0.125),
        _ => format!("-{text}"),
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |place: usize| if place == 0 { "" } else { "," };
        match self {
            Self::Leaf(text) => formatter.write_str(text),
            Self::List(items) => {
                formatter.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    write!(formatter, "{}{item}", comma(place))?;
                }
                formatter.write_str("]")
            }
            Self::Object(fields) => {
                formatter.write_str("{")?;
                for (place, (name, value)) in fields.iter().enumerate() {
                    write!(formatter, "{}{}:{value}", comma(place), serde_json::Value::from(name.as_str()))?;
                }
                formatter.write_str("}")
            }
        }
    }
}

/// An object's fields in the order in which they are written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
