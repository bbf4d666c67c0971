//! The one value that webhooks, syncs and our own actions all end in.

use crate::{Index, ObjectKey, RecordBody, Timestamp};
use serde::{Deserialize, Serialize};

/// The provider's version of an object: greater is newer.
///
/// Providers without version numbers use the time of the event or of the reading, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl From<Timestamp> for Version {
    fn from(at: Timestamp) -> Self {
        Self(at.0)
    }
}

/// Where a change came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// A webhook event, by our id of it.
    Event { id: String },
    /// A page of a sync.
    Sync { id: String },
    /// The object read again because two changes carried the same version.
    Fetch { cause: String },
    /// An action of a person, by the id of its audit entry.
    Action { id: String },
}

impl Source {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
            Self::Sync { .. } => "sync",
            Self::Fetch { .. } => "fetch",
            Self::Action { .. } => "action",
        }
    }

    pub fn id(&self) -> &str {
        match self {
            Self::Event { id } | Self::Sync { id } | Self::Action { id } => id,
            Self::Fetch { cause } => cause,
        }
    }
}

/// What the object is after the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    target_pointer_width = "64",
    expect(
        clippy::large_enum_variant,
        reason = "nearly every change is `Present`; boxing it would cost more than it saves"
    )
)]
pub enum State {
    /// The object exists and looks like this. `body` is the normalised content, never the wire's.
    Present { index: Index, body: serde_json::Value },
    /// The object is gone at the provider; what its kind says of ids decides whether it may come back.
    Deleted,
}

/// News about one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub key: ObjectKey,
    pub version: Version,
    pub state: State,
}

impl Change {
    pub fn present<B: RecordBody>(body: &B, version: impl Into<Version>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            key: ObjectKey::new(B::KIND, body.id()),
            version: version.into(),
            state: State::Present { index: body.index(), body: serde_json::to_value(body)? },
        })
    }

    pub fn deleted(key: ObjectKey, version: impl Into<Version>) -> Self {
        Self { key, version: version.into(), state: State::Deleted }
    }
}

/// What applying a change did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Applied {
    /// The record is new, or there again under an id that was used before.
    Created,
    /// The record was rewritten.
    Updated,
    /// The record is gone.
    Deleted,
    /// Nothing differed.
    Unchanged,
    /// The record already stood at a newer version.
    IgnoredStale { newer: Version },
    /// Same version, other content: the object must be read again from the provider.
    Tie,
}

impl Applied {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
            Self::IgnoredStale { .. } => "ignored",
            Self::Tie => "tie",
        }
    }
}
