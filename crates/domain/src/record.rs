//! A record is our local copy of one object that lives at a provider.

use crate::Timestamp;
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
