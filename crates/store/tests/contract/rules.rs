//! Each rule that a kind can declare: news of one object in any order, doubled, one by one or in batches, ends in one record.

use crate::harness::{START, by_event, first};
use patchbay_domain::{
    Change, Index, Kind, ObjectKey, RecordBody, State, Version,
    change::Applied,
    kind::{Body, Ids, MergeBody, OnTie, Rules, merge},
};
use patchbay_store::{RecordFilter, Store};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Told in parts, as states of a message are.
const MESSAGE: Kind = Kind::new("message");
/// Keys of a bucket: they come back.
const FILE: Kind = Kind::new("file");
/// Nobody can be asked which of two is newer.
const NOTE: Kind = Kind::new("note");
/// Whole objects whose lists are added up within a version.
const TAGGED: Kind = Kind::new("tagged");

const ORDERS: usize = 8;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Message {
    id: String,
    /// Moves forward only.
    rank: u8,
    opened_by: BTreeSet<String>,
}

impl RecordBody for Message {
    const KIND: Kind = MESSAGE;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index { title: self.id.clone(), status: format!("rank {}", self.rank), created_at: START, ..Index::default() }
    }
}

impl MergeBody for Message {
    fn merge(mut self, other: Self) -> Self {
        self.rank = self.rank.max(other.rank);
        self.opened_by.extend(other.opened_by);
        self
    }
}

fn rules(kind: &Kind) -> Rules {
    match kind {
        kind if *kind == MESSAGE => Rules::partial(merge::<Message>),
        kind if *kind == FILE => Rules { ids: Ids::Reused, body: Body::Whole, on_tie: OnTie::KeepBoth },
        kind if *kind == NOTE => Rules { on_tie: OnTie::KeepBoth, ..Rules::WHOLE },
        kind if *kind == TAGGED => Rules { on_tie: OnTie::Merge(merge::<Message>), ..Rules::WHOLE },
        _ => Rules::WHOLE,
    }
}

fn message(version: i64, rank: u8, opened_by: &[&str]) -> Change {
    let opened_by = opened_by.iter().map(|&name| name.to_owned()).collect();
    Change::present(&Message { id: "m".to_owned(), rank, opened_by }, Version(version)).unwrap()
}

fn of(kind: &Kind, id: &str, change: &Change) -> Change {
    Change { key: ObjectKey::new(kind.clone(), id), ..change.clone() }
}

/// News of one object, drawn from a seed. Where an id never comes back, its deletion is the newest news.
fn news(kind: &Kind, random: &mut impl Rng) -> Vec<Change> {
    let ids_come_back = rules(kind).ids == Ids::Reused;
    let mut news: Vec<Change> = (0..random.random_range(2..6))
        .map(|_| {
            let names: Vec<&str> = ["ada", "bob", "cy"].into_iter().filter(|_| random.random()).collect();
            let version = random.random_range(1..4);
            if ids_come_back && random.random_range(0..3) == 0 {
                return Change::deleted(ObjectKey::new(kind.clone(), "m"), Version(version));
            }
            message(version, random.random_range(0..4), &names)
        })
        .collect();
    if !ids_come_back && random.random_range(0..3) == 0 {
        news.push(Change::deleted(ObjectKey::new(kind.clone(), "m"), Version(4)));
    }
    news
}

async fn apply_in_batches(store: &Store, changes: &[Change], size: usize) {
    for batch in changes.chunks(size) {
        let mut tx = store.begin().await.unwrap();
        if size > 1 {
            let objects = batch.iter().map(|change| ("stripe".to_owned(), change.key.clone())).collect();
            tx.prepare(objects).await.unwrap();
        }
        for change in batch {
            let applied = tx.apply("stripe", change, &by_event(), None).await.unwrap();
            assert_ne!(applied, Applied::Tie, "{change:?}");
        }
        tx.commit().await.unwrap();
    }
}

/// What stands there in the end: nothing, a tombstone, or a body.
async fn end(store: &Store, key: &ObjectKey) -> Option<Value> {
    let record = store.record("stripe", key).await.unwrap().expect("a record or a tombstone");
    (!record.deleted).then_some(record.body)
}

pub async fn news_in_any_order_ends_in_the_same_record_by_the_rules_of_its_kind(store: Store) {
    let store = store.with_rules(rules);
    for kind in [MESSAGE, FILE, NOTE, TAGGED] {
        for seed in 0..25 {
            let mut random = StdRng::seed_from_u64(seed);
            let news = news(&kind, &mut random);
            let mut ends = Vec::new();
            for order in 0..ORDERS {
                let id = format!("{kind}-{seed}-{order}");
                let mut changes: Vec<Change> = news.iter().map(|change| of(&kind, &id, change)).collect();
                if order > 0 {
                    // Some of it twice.
                    let again = changes[random.random_range(0..changes.len())].clone();
                    changes.push(again);
                    changes.shuffle(&mut random);
                }
                apply_in_batches(&store, &changes, random.random_range(1..4)).await;
                ends.push(end(&store, &ObjectKey::new(kind.clone(), id)).await);
            }
            assert!(ends.iter().all(|end| *end == ends[0]), "{kind}, seed {seed}: {news:#?}\ncame to {ends:#?}");
        }
        counts_agree(&store, &kind).await;
    }
}

/// The counts by status are those of the records that are there.
async fn counts_agree(store: &Store, kind: &Kind) {
    let filter = RecordFilter::of(kind.clone());
    let mut counted = 0;
    for (status, count) in store.status_counts(kind, None).await.unwrap() {
        let of_status = RecordFilter { status: Some(status.clone()), ..filter.clone() };
        let there = store.list_records(&of_status, &first(1_000)).await.unwrap().items.len();
        assert_eq!(usize::try_from(count), Ok(there), "{kind} {status}");
        counted += there;
    }
    let all = store.list_records(&filter, &first(1_000)).await.unwrap().items.len();
    assert_eq!(counted, all, "{kind}");
}

pub async fn an_id_that_may_be_used_again_comes_back_as_a_new_record(store: Store) {
    let store = store.with_rules(rules);
    let key = ObjectKey::new(FILE, "a");
    let file = |version, rank| of(&FILE, "a", &message(version, rank, &[]));
    let apply = async |change: &Change| crate::harness::apply(&store, change, &by_event(), None).await;
    assert_eq!(apply(&file(1, 1)).await, Applied::Created);
    assert_eq!(apply(&Change::deleted(key.clone(), Version(3))).await, Applied::Deleted);
    assert_eq!(apply(&file(2, 2)).await, Applied::IgnoredStale { newer: Version(3) });
    assert_eq!(apply(&Change::deleted(key.clone(), Version(5))).await, Applied::Unchanged);
    assert_eq!(apply(&file(4, 4)).await, Applied::IgnoredStale { newer: Version(5) });
    assert_eq!(apply(&file(6, 6)).await, Applied::Created);
    let record = store.record("stripe", &key).await.unwrap().unwrap();
    assert_eq!((record.deleted, record.version, record.body["rank"].clone()), (false, 6, json!(6)));
    let history = store.history("stripe", &key, &first(10)).await.unwrap().items;
    let outcomes: Vec<_> = history.iter().rev().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["created", "deleted", "ignored", "ignored", "created"]);
    counts_agree(&store, &FILE).await;
}

pub async fn parts_of_an_object_add_up_and_never_take_anything_back(store: Store) {
    let store = store.with_rules(rules);
    let apply = async |change: &Change| crate::harness::apply(&store, change, &by_event(), None).await;
    assert_eq!(apply(&message(5, 2, &["ada"])).await, Applied::Created);
    // Older by its time, and news all the same.
    assert_eq!(apply(&message(3, 1, &["bob"])).await, Applied::Updated);
    assert_eq!(apply(&message(4, 0, &[])).await, Applied::Unchanged);
    let record = store.record("stripe", &ObjectKey::new(MESSAGE, "m")).await.unwrap().unwrap();
    assert_eq!((record.version, record.index.status.as_str()), (5, "rank 2"));
    assert_eq!(record.body["opened_by"], json!(["ada", "bob"]));
    assert_eq!(apply(&Change::deleted(record.key.clone(), Version(1))).await, Applied::Deleted);
    assert!(matches!(apply(&message(9, 3, &["cy"])).await, Applied::IgnoredStale { .. }));
    counts_agree(&store, &MESSAGE).await;
}

pub async fn a_stored_part_that_cannot_be_read_any_more_is_replaced_by_what_can(store: Store) {
    let broken = Change {
        key: ObjectKey::new(MESSAGE, "m"),
        version: Version(1),
        state: State::Present { index: Index::default(), body: json!({"rank": "no number"}) },
    };
    crate::harness::apply(&store, &broken, &by_event(), None).await;
    let store = store.with_rules(rules);
    let applied = crate::harness::apply(&store, &message(1, 2, &["ada"]), &by_event(), None).await;
    assert_eq!(applied, Applied::Updated);
    assert_eq!(end(&store, &broken.key).await.unwrap()["rank"], 2);
}
