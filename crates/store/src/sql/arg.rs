//! Values of statements.

use patchbay_domain::Timestamp;
use uuid::Uuid;

/// A value bound to a statement. Times are microseconds, truth values are 0 and 1.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Uuid(Uuid),
    Bytes(Vec<u8>),
    /// Columns of an insert; `PostgreSQL` alone is given them.
    Texts(Vec<Option<String>>),
    Ints(Vec<Option<i64>>),
    Uuids(Vec<Uuid>),
    ManyBytes(Vec<Vec<u8>>),
}

impl Arg {
    pub fn empty_column(&self) -> Self {
        match self {
            Self::Text(_) | Self::Texts(_) => Self::Texts(Vec::new()),
            Self::Int(_) | Self::Ints(_) => Self::Ints(Vec::new()),
            Self::Uuid(_) | Self::Uuids(_) => Self::Uuids(Vec::new()),
            Self::Bytes(_) | Self::ManyBytes(_) => Self::ManyBytes(Vec::new()),
        }
    }

    pub fn postgres_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int(_) => "int8",
            Self::Uuid(_) => "uuid",
            Self::Bytes(_) => "bytea",
            Self::Texts(_) => "text[]",
            Self::Ints(_) => "int8[]",
            Self::Uuids(_) => "uuid[]",
            Self::ManyBytes(_) => "bytea[]",
        }
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<&Option<String>> for Arg {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<Timestamp> for Arg {
    fn from(value: Timestamp) -> Self {
        Self::Int(Some(value.0))
    }
}

impl From<Option<Timestamp>> for Arg {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Int(value.map(|at| at.0))
    }
}

impl From<Uuid> for Arg {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl From<Vec<u8>> for Arg {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
