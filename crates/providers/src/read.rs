//! Objects as they are now, read from the provider.

use crate::provider::Answer;
use patchbay_domain::{Change, Kind, ObjectKey};

/// A provider whose objects can be read.
pub trait Read: Send + Sync {
    /// Reads one object as it is now. Whoever keeps records asks through [`crate::gone::read`], which alone decides when
    /// an answer means that the object is gone.
    fn fetch<'a>(&'a self, key: &'a ObjectKey) -> Answer<'a, Change>;

    /// Reads one page of all objects of a kind, oldest rule of the provider's own paging; `cursor` is what the page before gave.
    fn list<'a>(&'a self, kind: &'a Kind, cursor: Option<&'a str>) -> Answer<'a, ListPage>;

    /// The cheapest read that proves that objects of a kind can be listed.
    fn probe<'a>(&'a self, kind: &'a Kind) -> Answer<'a, ()> {
        Box::pin(async move { self.list(kind, None).await.map(drop) })
    }

    /// What the provider's lists do not have for these keys, so that no sync brings it, as a sentence.
    fn left_out(&self) -> Option<&'static str> {
        None
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    pub changes: Vec<Change>,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
}
