//! A record is our local copy of one object that lives at a provider.

use crate::{Timestamp, segment};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{borrow::Cow, fmt};

/// What sort of object a record mirrors, such as `subscription` or `asset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub Cow<'static, str>);

impl Kind {
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a heading or in a sentence: `payment methods`.
    pub fn plural(&self) -> String {
        format!("{}s", self.0.replace('_', " "))
    }
}

impl From<String> for Kind {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one object at one connection: the unit of ordering.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    pub kind: Kind,
    /// The provider's own id, such as `sub_1N…`.
    pub id: String,
}

impl ObjectKey {
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// `subscription:sub_1N…`
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// Names one record: which connection's copy of which object. Ids of two connections may be the same, so an object's key
/// alone names no record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    pub connection: String,
    pub key: ObjectKey,
}

impl RecordRef {
    pub fn new(connection: impl Into<String>, key: ObjectKey) -> Self {
        Self { connection: connection.into(), key }
    }

    /// Another record of the same connection: what one object names, its provider has.
    #[must_use]
    pub fn related(&self, kind: Kind, id: impl Into<String>) -> Self {
        Self::new(&self.connection, ObjectKey::new(kind, id))
    }

    /// `stripe/sub_1N…`: how addresses name it, behind what says the kind.
    pub fn path(&self) -> String {
        format!("{}/{}", segment::write(&self.connection), segment::write(&self.key.id))
    }

    /// The record of this kind that [`Self::path`] names.
    pub fn read(kind: Kind, path: &str) -> Option<Self> {
        let (connection, id) = path.split_once('/')?;
        Some(Self::new(segment::read(connection)?, ObjectKey::new(kind, segment::read(id)?)))
    }

    /// The live topic of what happens to this record. Topics stand in lists with commas between.
    pub fn topic(&self) -> String {
        format!("record:{}/{}", self.key.kind, self.path())
    }
}

/// `stripe/subscription:sub_1N…`, for logs.
impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.connection, self.key)
    }
}

/// The columns that lists filter, sort and search by, the same for every kind of record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// What a person calls it: a customer's name, an invoice's number, a video's title.
    pub title: String,
    /// A second thing people search by: an e-mail address, a passthrough value.
    pub subtitle: String,
    /// The provider's word for its state (`active`, `past_due`, `ready`); empty where it has none.
    pub status: String,
    /// Id of the customer it belongs to at the same provider.
    pub owner: Option<String>,
    /// Id of our organisation; set on the records that carry the link themselves (customers).
    pub organisation: Option<String>,
    /// What lists group by: the price of a subscription, the quality of a video.
    pub facet: Option<String>,
    /// Id of the record this one hangs below: an invoice's subscription, a price's product.
    pub parent: Option<String>,
    /// Minor units of `currency`.
    pub amount: Option<i64>,
    pub currency: Option<String>,
    /// When the provider made the object.
    pub created_at: Timestamp,
    /// When it ended for good (a subscription's end), if it has.
    pub ended_at: Option<Timestamp>,
}

/// The typed content of a record. One struct per kind, in [`crate::billing`] and [`crate::video`].
pub trait RecordBody: Serialize + DeserializeOwned {
    const KIND: Kind;

    /// The provider's id of the object.
    fn id(&self) -> &str;

    fn index(&self) -> Index;
}
