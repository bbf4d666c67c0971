//! What holds for all records of a kind, declared once and read by everything that keeps them.
//!
//! Providers differ: ids come back or never do, events tell a whole object or a part of it, a question settles which of two
//! is newer or nobody can be asked. The rules of a kind say which, so that any order of arrival ends in the same record.

use crate::{Index, Kind, RecordBody};
use serde_json::Value;
use std::time::Duration;

/// A kind as its provider declares it.
#[derive(Clone, Debug)]
pub struct KindSpec {
    pub kind: Kind,
    pub rules: Rules,
    pub mirror: Mirror,
}

impl KindSpec {
    /// Ids that never come back, whole objects, ties settled by reading, listed by syncs.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, rules: Rules::WHOLE, mirror: Mirror::Full(Full::ONCE) }
    }

    /// As [`KindSpec::new`], with lists that name everything there is.
    pub const fn swept(kind: Kind) -> Self {
        Self { kind, rules: Rules::WHOLE, mirror: Mirror::Full(Full { complete: true, ..Full::ONCE }) }
    }
}

/// How news of an object and what is held of it become one.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub ids: Ids,
    pub body: Body,
    pub on_tie: OnTie,
}

/// The rules of a kind, by its name. Kinds that nobody declares have [`Rules::WHOLE`].
pub type RulesOf = fn(&Kind) -> Rules;

impl Rules {
    pub const WHOLE: Self = Self { ids: Ids::Final, body: Body::Whole, on_tie: OnTie::Refetch };

    /// Nothing here can be a tie: every piece of news adds to what is held.
    pub const fn partial(merge: Merge) -> Self {
        Self { ids: Ids::Final, body: Body::Partial(merge), on_tie: OnTie::Merge(merge) }
    }

    /// [`RulesOf`] where every kind has the usual ones.
    pub fn usual(_: &Kind) -> Self {
        Self::WHOLE
    }
}

/// What an id names after its object was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Nothing, ever again: a tombstone is final.
    Final,
    /// Perhaps another object (keys of a bucket, branches, queues): newer news brings the record back.
    Reused,
}

/// How much of an object a piece of news tells.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    Whole,
    /// A part of it. Versions do not matter then: parts are merged in whatever order they come.
    Partial(Merge),
}

/// What is done about two contents of one version.
#[derive(Clone, Copy, Debug)]
pub enum OnTie {
    /// The provider is asked.
    Refetch,
    /// Both are true, each for what it tells.
    Merge(Merge),
    /// Nobody can be asked. Both stay among the events; the record shows the same one whichever came first.
    KeepBoth,
}

/// Makes one body and its index of two. In any order and any number of times, the same come to the same.
pub type Merge = fn(&Value, &Value) -> Result<(Index, Value), serde_json::Error>;

/// A body that is told in parts.
pub trait MergeBody: RecordBody {
    /// Both together. Commutative, associative and idempotent, or the order of arrival would show.
    #[must_use]
    fn merge(self, other: Self) -> Self;
}

/// The [`Merge`] of a body: `Rules::partial(merge::<Message>)`.
pub fn merge<B: MergeBody>(held: &Value, told: &Value) -> Result<(Index, Value), serde_json::Error> {
    let read = |body: &Value| serde_json::from_value::<B>(body.clone());
    let both = read(held)?.merge(read(told)?);
    Ok((both.index(), serde_json::to_value(&both)?))
}

/// Where a kind's records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Syncs list all of them.
    Full(Full),
    /// Known by webhooks alone: the provider has no list of them.
    Events,
    /// Too many, or too little ours, to keep: listed at the provider when somebody looks.
    Browse,
}

/// How a list is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How old a listing may become; none for those that webhooks keep fresh.
    pub refresh: Option<Duration>,
    /// Whether a complete listing names everything there is, so that whatever it lacks is to be looked at.
    pub complete: bool,
}

impl Full {
    /// Listed at the first start and when somebody asks.
    pub const ONCE: Self = Self { refresh: None, complete: false };
}
