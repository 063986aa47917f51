//! Statements that SQLite and Postgres both know: numbered parameters (`$1`), and values of the types that both have.

use futures::TryStreamExt;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection, Either, Executor, Row};

use super::{Store, StoreError};

/// Value of a parameter. Both databases keep whole numbers in 64 bits and have no other kind of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Real(f64),
    Text(Option<String>),
}

/// A statement with the values of its parameters.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: &'static str,
    values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// Adds the value of the next parameter.
    pub(super) fn with(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    fn query(&self) -> sqlx::query::Query<'static, Any, AnyArguments> {
        let query = sqlx::query::<Any>(self.sql);
        self.values.iter().cloned().fold(query, |query, value| match value {
            Value::Integer(number) => query.bind(number),
            Value::Real(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
        })
    }

    /// Executes the statement.
    pub(super) async fn execute(&self, connection: &mut AnyConnection) -> Result<Answer, sqlx::Error> {
        let mut answer = Answer::default();
        let mut parts = connection.fetch_many(self.query());
        while let Some(part) = parts.try_next().await? {
            match part {
                Either::Left(result) => answer.changed += result.rows_affected(),
                Either::Right(row) => answer.rows.push(row),
            }
        }
        Ok(answer)
    }
}

/// Answer of a database to a statement.
#[derive(Default)]
pub(super) struct Answer {
    /// Rows that it changed.
    pub(super) changed: u64,
    /// Rows that it returned.
    pub(super) rows: Vec<AnyRow>,
}

macro_rules! integers {
    ($($type:ty),*) => { $(impl From<$type> for Value {
        fn from(number: $type) -> Self {
            Self::Integer(i64::from(number))
        }
    })* };
}

integers!(i64, u16, u32, bool);

impl From<u64> for Value {
    /// The same bits with a sign: neither database has unsigned numbers.
    fn from(number: u64) -> Self {
        Self::Integer(number.cast_signed())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

/// Reading of columns: what does not hold a value of the kind that is written there is damaged.
impl Store {
    /// A whole number in the range of `T`.
    pub(super) fn integer<T: TryFrom<i64, Error: std::error::Error>>(
        &self,
        row: &AnyRow,
        column: &str,
    ) -> Result<T, StoreError> {
        let number: i64 = row.try_get(column).map_err(self.failed("read"))?;
        T::try_from(number).map_err(self.damaged("read"))
    }

    /// The bits of a whole number without a sign.
    pub(super) fn bits(&self, row: &AnyRow, column: &str) -> Result<u64, StoreError> {
        Ok(self.integer::<i64>(row, column)?.cast_unsigned())
    }

    pub(super) fn real(&self, row: &AnyRow, column: &str) -> Result<f64, StoreError> {
        row.try_get(column).map_err(self.failed("read"))
    }

    pub(super) fn text(&self, row: &AnyRow, column: &str) -> Result<String, StoreError> {
        row.try_get(column).map_err(self.failed("read"))
    }

    pub(super) fn optional_text(&self, row: &AnyRow, column: &str) -> Result<Option<String>, StoreError> {
        row.try_get(column).map_err(self.failed("read"))
    }

    /// A JSON document.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        row: &AnyRow,
        column: &str,
        action: &'static str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(row, column)?).map_err(self.damaged(action))
    }
}
