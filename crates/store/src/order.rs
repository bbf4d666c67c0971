//! The ordering rule: what a piece of news does to what we hold. Pure, so that every branch is easy to test.

use patchbay_domain::{Source, Version};

/// What is known of an object before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub version: i64,
    /// Counts the writes of the record; 0 would be none.
    pub revision: i64,
    pub deleted: bool,
}

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub version: i64,
    pub deletes: bool,
    /// The body is the one we hold.
    pub same_body: bool,
    /// For news we asked for ourselves: the revision that stood when we began to ask.
    pub based_on: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Create,
    /// An unknown object is gone: kept as a tombstone, so that older news of it, arriving later, finds that out.
    Bury,
    Update,
    Delete,
    /// Newer, and the same: only the version moves.
    Touch,
    Unchanged,
    Stale {
        newer: Version,
    },
    Tie,
}

/// Whether the source asked the provider itself, so that the answer is known to be of the moment.
pub(crate) fn asked_ourselves(source: &Source) -> bool {
    matches!(source, Source::Fetch { .. } | Source::Action { .. })
}

pub(crate) fn decide(standing: Option<Standing>, news: News) -> Decision {
    let Some(standing) = standing else {
        return if news.deletes { Decision::Bury } else { Decision::Create };
    };
    let stale = Decision::Stale { newer: Version(standing.version) };
    if standing.deleted {
        // Ids are never used again, so whatever says otherwise is late.
        return if news.deletes { Decision::Unchanged } else { stale };
    }
    if news.version < standing.version {
        return stale;
    }
    if news.deletes {
        return Decision::Delete;
    }
    if news.version > standing.version {
        return if news.same_body { Decision::Touch } else { Decision::Update };
    }
    if news.same_body {
        Decision::Unchanged
    } else if news.based_on == Some(standing.revision) {
        // Nothing was written since the reading began, so the reading is at least as new as what we hold.
        Decision::Update
    } else {
        Decision::Tie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Standing = Standing { version: 10, revision: 3, deleted: false };
    const NEWS: News = News { version: 10, deletes: false, same_body: false, based_on: None };

    #[test]
    fn the_first_news_of_an_object_creates_or_buries_it() {
        assert_eq!(decide(None, NEWS), Decision::Create);
        assert_eq!(decide(None, News { deletes: true, ..NEWS }), Decision::Bury);
    }

    #[test]
    fn nothing_brings_a_deleted_object_back() {
        let gone = Some(Standing { deleted: true, ..LIVE });
        assert_eq!(decide(gone, News { version: 99, ..NEWS }), Decision::Stale { newer: Version(10) });
        assert_eq!(decide(gone, News { version: 99, deletes: true, ..NEWS }), Decision::Unchanged);
    }

    #[test]
    fn older_news_is_stale_even_when_we_asked_for_it() {
        let older = News { version: 9, based_on: Some(3), ..NEWS };
        assert_eq!(decide(Some(LIVE), older), Decision::Stale { newer: Version(10) });
        assert_eq!(decide(Some(LIVE), News { deletes: true, ..older }), Decision::Stale { newer: Version(10) });
    }

    #[test]
    fn newer_news_applies() {
        let newer = News { version: 11, ..NEWS };
        assert_eq!(decide(Some(LIVE), newer), Decision::Update);
        assert_eq!(decide(Some(LIVE), News { same_body: true, ..newer }), Decision::Touch);
        assert_eq!(decide(Some(LIVE), News { deletes: true, ..newer }), Decision::Delete);
    }

    #[test]
    fn within_one_version_deletion_wins_and_other_content_is_a_tie() {
        assert_eq!(decide(Some(LIVE), News { deletes: true, ..NEWS }), Decision::Delete);
        assert_eq!(decide(Some(LIVE), News { same_body: true, ..NEWS }), Decision::Unchanged);
        assert_eq!(decide(Some(LIVE), NEWS), Decision::Tie);
    }

    #[test]
    fn a_reading_settles_a_tie_if_the_record_stood_still() {
        assert_eq!(decide(Some(LIVE), News { based_on: Some(3), ..NEWS }), Decision::Update);
        assert_eq!(decide(Some(LIVE), News { based_on: Some(2), ..NEWS }), Decision::Tie);
        assert_eq!(decide(Some(LIVE), News { based_on: Some(0), ..NEWS }), Decision::Tie);
    }
}
