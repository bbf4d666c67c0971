use crate::harness::{
    START, THING, apply, apply_at, by_event, by_fetch, change, content, first, gone, indexed, key, outcomes, pass,
};
use patchbay_domain::{Change, Index, Source, Timestamp, Version, billing::Customer, change::Applied};
use patchbay_store::Store;
use serde_json::json;

pub async fn a_change_creates_then_updates(store: Store) {
    assert_eq!(apply(&store, &change("a", 1, "one"), &by_event(), None).await, Applied::Created);
    pass(&store, 5);
    assert_eq!(apply(&store, &change("a", 2, "two"), &by_event(), None).await, Applied::Updated);
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert_eq!((record.version, record.revision, record.deleted), (2, 2, false));
    assert_eq!(record.index.title, "two");
    assert_eq!((record.recorded_at, record.updated_at), (START, store.clock().now()));
    assert_eq!(outcomes(&store, "a").await, ["created", "updated"]);
}

pub async fn older_news_is_kept_as_ignored(store: Store) {
    apply(&store, &change("a", 5, "new"), &by_event(), None).await;
    let applied = apply(&store, &change("a", 4, "old"), &by_event(), None).await;
    assert_eq!(applied, Applied::IgnoredStale { newer: Version(5) });
    assert_eq!(content(&store, "a").await, ("new".to_owned(), 5));
    let history = store.history("stripe", &key("a"), &first(10)).await.unwrap().items;
    assert_eq!((history[0].outcome.as_str(), history[0].version), ("ignored", 4));
    assert_eq!(history[0].body_after, Some(json!({ "content": "new" })));
}

pub async fn the_same_again_changes_nothing(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    for source in [by_event(), by_fetch(), Source::Sync { id: "sync".to_owned() }] {
        assert_eq!(apply(&store, &change("a", 1, "one"), &source, Some(0)).await, Applied::Unchanged);
    }
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert_eq!(record.revision, 1);
    assert_eq!(outcomes(&store, "a").await, ["created"]);
}

pub async fn a_newer_version_of_the_same_moves_only_the_version(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    assert_eq!(apply(&store, &change("a", 9, "one"), &by_event(), None).await, Applied::Unchanged);
    assert_eq!(content(&store, "a").await, ("one".to_owned(), 9));
    assert_eq!(outcomes(&store, "a").await, ["created"]);
    let stale = apply(&store, &change("a", 5, "five"), &by_event(), None).await;
    assert_eq!(stale, Applied::IgnoredStale { newer: Version(9) });
}

pub async fn other_content_in_one_version_is_a_tie(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    for source in [by_event(), Source::Sync { id: "sync".to_owned() }] {
        // A revision means nothing with sources that did not ask the provider.
        assert_eq!(apply(&store, &change("a", 1, "two"), &source, Some(1)).await, Applied::Tie);
    }
    assert_eq!(content(&store, "a").await.0, "one");
    assert_eq!(outcomes(&store, "a").await, ["created"]);
}

pub async fn a_reading_settles_a_tie_only_if_nothing_moved(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    for source in [by_fetch(), Source::Action { id: "audit".to_owned() }] {
        let revision = store.record("stripe", &key("a")).await.unwrap().unwrap().revision;
        let other = change("a", 1, source.name());
        assert_eq!(apply(&store, &other, &source, None).await, Applied::Tie);
        assert_eq!(apply(&store, &other, &source, Some(revision - 1)).await, Applied::Tie);
        assert_eq!(apply(&store, &other, &source, Some(revision)).await, Applied::Updated);
        assert_eq!(content(&store, "a").await, (source.name().to_owned(), 1));
    }
}

pub async fn readings_with_other_versions_follow_the_rule(store: Store) {
    assert_eq!(apply(&store, &change("a", 5, "one"), &by_fetch(), Some(0)).await, Applied::Created);
    assert_eq!(apply(&store, &change("a", 6, "two"), &by_fetch(), Some(0)).await, Applied::Updated);
    let stale = apply(&store, &change("a", 5, "old"), &by_fetch(), Some(2)).await;
    assert_eq!(stale, Applied::IgnoredStale { newer: Version(6) });
}

pub async fn deletion_wins_within_a_version_and_is_final(store: Store) {
    apply(&store, &change("a", 5, "one"), &by_event(), None).await;
    assert_eq!(apply(&store, &gone("a", 4), &by_event(), None).await, Applied::IgnoredStale { newer: Version(5) });
    assert_eq!(apply(&store, &gone("a", 5), &by_event(), None).await, Applied::Deleted);
    let back = apply(&store, &change("a", 9, "back"), &by_fetch(), Some(2)).await;
    assert_eq!(back, Applied::IgnoredStale { newer: Version(5) });
    assert_eq!(apply(&store, &gone("a", 9), &by_event(), None).await, Applied::Unchanged);
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert!(record.deleted);
    assert_eq!(record.body, json!({ "content": "one" }), "the last known content stays");
    assert_eq!(outcomes(&store, "a").await, ["created", "ignored", "deleted", "ignored"]);
}

pub async fn a_deletion_of_an_unknown_object_is_remembered(store: Store) {
    assert_eq!(apply(&store, &gone("a", 5), &by_event(), None).await, Applied::Deleted);
    let late = apply(&store, &change("a", 4, "late"), &by_event(), None).await;
    assert_eq!(late, Applied::IgnoredStale { newer: Version(5) });
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert!(record.deleted && record.body.is_null());
    assert!(store.status_counts(&THING, None).await.unwrap().is_empty());
}

pub async fn a_rollback_leaves_nothing(store: Store) {
    let mut tx = store.begin().await.unwrap();
    tx.apply("stripe", &change("a", 1, "one"), &by_event(), None).await.unwrap();
    tx.rollback().await.unwrap();
    let mut dropped = store.begin().await.unwrap();
    dropped.apply("stripe", &change("a", 1, "one"), &by_event(), None).await.unwrap();
    drop(dropped);
    assert!(store.record("stripe", &key("a")).await.unwrap().is_none());
    assert!(outcomes(&store, "a").await.is_empty());
    assert!(store.status_counts(&THING, None).await.unwrap().is_empty());
}

pub async fn status_counts_follow_the_changes(store: Store) {
    let with = |id: &str, version, status: &str| {
        let index = Index { status: status.to_owned(), ..Index::default() };
        indexed(id, version, index, json!({ "status": status }))
    };
    for (id, status) in [("a", "active"), ("b", "active"), ("c", "paused")] {
        apply(&store, &with(id, 1, status), &by_event(), None).await;
    }
    apply_at(&store, "other", &with("a", 1, "active"), &by_event(), None).await;
    let count = |status: &str, count| (status.to_owned(), count);
    assert_eq!(store.status_counts(&THING, None).await.unwrap(), [count("active", 3), count("paused", 1)]);
    assert_eq!(store.status_counts(&THING, Some("other")).await.unwrap(), [count("active", 1)]);
    assert_eq!(store.connections_with(&THING).await.unwrap(), ["other", "stripe"]);
    apply(&store, &with("a", 2, "paused"), &by_event(), None).await;
    apply(&store, &with("b", 2, "active"), &by_event(), None).await;
    apply(&store, &gone("c", 2), &by_event(), None).await;
    assert_eq!(store.status_counts(&THING, None).await.unwrap(), [count("active", 2), count("paused", 1)]);

    let mut tx = store.begin().await.unwrap();
    for version in 3..6 {
        tx.apply("stripe", &with("a", version, &format!("s{version}")), &by_event(), None).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(store.status_counts(&THING, None).await.unwrap(), [count("active", 2), count("s5", 1)]);
    apply_at(&store, "other", &gone("a", 2), &by_event(), None).await;
    assert_eq!(store.connections_with(&THING).await.unwrap(), ["stripe"]);
}

pub async fn history_tells_what_a_source_changed(store: Store) {
    let sync = Source::Sync { id: "run".to_owned() };
    apply(&store, &change("a", 1, "one"), &sync, None).await;
    apply(&store, &change("b", 1, "one"), &sync, None).await;
    apply(&store, &change("b", 2, "two"), &by_event(), None).await;
    let changed = store.history_of_source(&sync).await.unwrap();
    let changed: Vec<&str> = changed.iter().map(|entry| entry.key.id.as_str()).collect();
    assert_eq!(changed, ["a", "b"]);
    let page = store.history("stripe", &key("b"), &first(1)).await.unwrap();
    assert_eq!((page.items[0].source_type.as_str(), page.items[0].source_id.as_str()), ("event", "event-1"));
    let older = store.history("stripe", &key("b"), &patchbay_store::PageRequest { after: page.next, ..first(1) }).await;
    assert_eq!(older.unwrap().items[0].source_type, "sync");
}

pub async fn a_body_reads_back_as_its_type(store: Store) {
    let customer = Customer {
        id: "cus_1".to_owned(),
        // PostgreSQL's text holds no NUL; it must not cost the record.
        name: Some("Ädda\0 & Co".to_owned()),
        balance: -500,
        organisation: Some("org_1".to_owned()),
        created_at: START,
        ..Customer::default()
    };
    let change = Change::present(&customer, Timestamp(7)).unwrap();
    assert_eq!(apply(&store, &change, &by_event(), None).await, Applied::Created);
    let record = store.record("stripe", &change.key).await.unwrap().unwrap();
    assert_eq!(record.decode::<Customer>().unwrap(), customer);
    assert_eq!(record.index.organisation.as_deref(), Some("org_1"));
    assert_eq!(record.index.amount, Some(-500));
}
