//! The ordering rule: what a piece of news does to what we hold. Pure, so that every branch is easy to test.

use patchbay_domain::{Source, Version, kind::Ids};

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
    pub content: Content,
    /// For news we asked for ourselves: the revision that stood when we began to ask.
    pub based_on: Option<i64>,
}

/// How what the record would hold compares with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Same,
    /// The newer version has it; of two in one version, the provider knows which is.
    Other,
    /// As `Other`, and in one version it is this one.
    Prevails,
    /// As `Other`, and in one version it is the one we hold.
    Yields,
    /// News and what we hold together, whichever is older.
    Merged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Create,
    /// An unknown object is gone: kept as a tombstone, so that older news of it, arriving later, finds that out.
    Bury,
    Update,
    Delete,
    /// It was deleted, and another object has its id now.
    Revive,
    /// Newer, and the same: only the version moves. That of a tombstone, too.
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

pub(crate) fn decide(ids: Ids, standing: Option<Standing>, news: News) -> Decision {
    let Some(standing) = standing else {
        return if news.deletes { Decision::Bury } else { Decision::Create };
    };
    if standing.deleted {
        return decide_on_tombstone(ids, standing, news);
    }
    let is_newer = news.version > standing.version;
    match (news.deletes, news.content) {
        // An id that never comes back is gone whenever somebody said so; parts tell nothing about that.
        (true, Content::Merged) => Decision::Delete,
        (false, Content::Merged) => Decision::Update,
        (false, Content::Same) if is_newer => Decision::Touch,
        _ if news.version < standing.version => stale(standing),
        (true, _) => Decision::Delete,
        (false, Content::Same) => Decision::Unchanged,
        _ if is_newer => Decision::Update,
        (false, Content::Prevails) => Decision::Update,
        (false, Content::Yields) => stale(standing),
        // Nothing was written since the reading began, so the reading is at least as new as what we hold.
        (false, Content::Other) if news.based_on == Some(standing.revision) => Decision::Update,
        (false, Content::Other) => Decision::Tie,
    }
}

fn decide_on_tombstone(ids: Ids, standing: Standing, news: News) -> Decision {
    match (ids, news.deletes) {
        (Ids::Reused, false) if news.version > standing.version => Decision::Revive,
        (Ids::Reused, true) if news.version > standing.version => Decision::Touch,
        (_, true) => Decision::Unchanged,
        // Either the id is never used again, or this was before: whatever says otherwise is late.
        (_, false) => stale(standing),
    }
}

fn stale(standing: Standing) -> Decision {
    Decision::Stale { newer: Version(standing.version) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(standing: Option<Standing>, news: News) -> Decision {
        super::decide(Ids::Final, standing, news)
    }

    const LIVE: Standing = Standing { version: 10, revision: 3, deleted: false };
    const NEWS: News = News { version: 10, deletes: false, content: Content::Other, based_on: None };

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
        assert_eq!(decide(Some(LIVE), News { content: Content::Same, ..newer }), Decision::Touch);
        assert_eq!(decide(Some(LIVE), News { deletes: true, ..newer }), Decision::Delete);
    }

    #[test]
    fn within_one_version_deletion_wins_and_other_content_is_a_tie() {
        assert_eq!(decide(Some(LIVE), News { deletes: true, ..NEWS }), Decision::Delete);
        assert_eq!(decide(Some(LIVE), News { content: Content::Same, ..NEWS }), Decision::Unchanged);
        assert_eq!(decide(Some(LIVE), NEWS), Decision::Tie);
    }

    #[test]
    fn a_reading_settles_a_tie_if_the_record_stood_still() {
        assert_eq!(decide(Some(LIVE), News { based_on: Some(3), ..NEWS }), Decision::Update);
        assert_eq!(decide(Some(LIVE), News { based_on: Some(2), ..NEWS }), Decision::Tie);
        assert_eq!(decide(Some(LIVE), News { based_on: Some(0), ..NEWS }), Decision::Tie);
    }

    #[test]
    fn an_id_that_may_be_used_again_comes_back_with_newer_news_alone() {
        let decide = |news| super::decide(Ids::Reused, Some(Standing { deleted: true, ..LIVE }), news);
        let stale = Decision::Stale { newer: Version(10) };
        assert_eq!(decide(News { version: 11, ..NEWS }), Decision::Revive);
        assert_eq!(decide(NEWS), stale);
        assert_eq!(decide(News { version: 9, ..NEWS }), stale);
        // A later deletion must not be undone by what happened between the two.
        assert_eq!(decide(News { version: 11, deletes: true, ..NEWS }), Decision::Touch);
        assert_eq!(decide(News { version: 10, deletes: true, ..NEWS }), Decision::Unchanged);
    }

    #[test]
    fn parts_add_up_whatever_their_versions_and_end_with_the_deletion() {
        let part = News { content: Content::Merged, ..NEWS };
        for version in [9, 10, 11] {
            assert_eq!(decide(Some(LIVE), News { version, ..part }), Decision::Update);
            assert_eq!(decide(Some(LIVE), News { version, deletes: true, ..part }), Decision::Delete);
        }
    }

    #[test]
    fn where_nobody_can_be_asked_the_content_itself_decides_within_a_version() {
        let (wins, yields) = (News { content: Content::Prevails, ..NEWS }, News { content: Content::Yields, ..NEWS });
        assert_eq!(decide(Some(LIVE), wins), Decision::Update);
        assert_eq!(decide(Some(LIVE), yields), Decision::Stale { newer: Version(10) });
        for news in [wins, yields] {
            assert_eq!(decide(Some(LIVE), News { version: 11, ..news }), Decision::Update);
            assert_eq!(decide(Some(LIVE), News { version: 9, ..news }), Decision::Stale { newer: Version(10) });
        }
    }
}
