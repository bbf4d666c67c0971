use crate::harness::{START, THING, apply, apply_at, by_event, change, customer, first, gone, indexed, key};
use patchbay_domain::{Index, Kind, Timestamp};
use patchbay_store::{RecordFilter, StartedAndEnded, Store};
use serde_json::json;
use std::time::Duration;

#[expect(clippy::unnecessary_wraps, reason = "filters are optional")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn put(store: &Store, id: &str, index: Index) {
    apply(store, &indexed(id, 1, index, json!({ "id": id })), &by_event(), None).await;
}

/// Ids in alphabetical order, so that tests need not think of times.
async fn found(store: &Store, filter: &RecordFilter) -> Vec<String> {
    let page = store.list_records(filter, &first(100)).await.unwrap();
    let mut ids: Vec<String> = page.items.into_iter().map(|record| record.key.id).collect();
    ids.sort();
    ids
}

fn all() -> RecordFilter {
    RecordFilter::of(THING)
}

pub async fn lists_filter_by_every_column(store: Store) {
    let base = Index { status: "live".to_owned(), created_at: START, ..Index::default() };
    put(&store, "plain", base.clone()).await;
    put(&store, "owned", Index { owner: some("cus"), ..base.clone() }).await;
    put(&store, "faceted", Index { facet: some("blue"), ..base.clone() }).await;
    put(&store, "child", Index { parent: some("plain"), ..base.clone() }).await;
    put(&store, "dull", Index { status: "dull".to_owned(), facet: some("blue"), ..base.clone() }).await;
    apply_at(&store, "mux", &change("elsewhere", 1, "x"), &by_event(), None).await;

    assert_eq!(found(&store, &all()).await.len(), 6);
    assert_eq!(found(&store, &RecordFilter::of(Kind::new("other"))).await.len(), 0);
    assert_eq!(found(&store, &RecordFilter { owner: some("cus"), ..all() }).await, ["owned"]);
    assert_eq!(found(&store, &RecordFilter { facet: some("blue"), ..all() }).await, ["dull", "faceted"]);
    assert_eq!(found(&store, &RecordFilter { parent: some("plain"), ..all() }).await, ["child"]);
    assert_eq!(found(&store, &RecordFilter { connection: some("mux"), ..all() }).await, ["elsewhere"]);
    let both = RecordFilter { status: some("dull"), facet: some("blue"), connection: some("stripe"), ..all() };
    assert_eq!(found(&store, &both).await, ["dull"]);
}

pub async fn records_are_scoped_by_organisation_and_owner(store: Store) {
    for (id, organisation) in [("cus_n", Some("org_n")), ("cus_u", Some("org_u")), ("cus_x", None)] {
        let organisation = organisation.map(str::to_owned);
        put(&store, id, Index { organisation, created_at: START, ..Index::default() }).await;
    }
    for (id, owner) in [("in_1", "cus_n"), ("in_2", "cus_n"), ("in_3", "cus_u"), ("in_4", "cus_x")] {
        put(&store, id, Index { owner: some(owner), created_at: START, ..Index::default() }).await;
    }
    assert_eq!(found(&store, &RecordFilter { organisation: some("org_n"), ..all() }).await, ["cus_n"]);
    assert!(found(&store, &RecordFilter { organisation: some("org_none"), ..all() }).await.is_empty());
    let ours = |id: &str| customer("stripe", id);
    let owners = vec![ours("cus_n"), ours("cus_x")];
    assert_eq!(found(&store, &RecordFilter { owners, ..all() }).await, ["in_1", "in_2", "in_4"]);
    let twice = vec![ours("cus_n"), ours("cus_n")];
    assert_eq!(found(&store, &RecordFilter { owners: twice, ..all() }).await, ["in_1", "in_2"]);
    let crossed = RecordFilter { owners: vec![ours("cus_u")], owner: some("cus_n"), ..all() };
    assert!(found(&store, &crossed).await.is_empty(), "every condition must hold");
    let elsewhere = customer("stripe-eu", "cus_n");
    let none = found(&store, &RecordFilter { owners: vec![elsewhere.clone()], ..all() }).await;
    assert!(none.is_empty(), "a customer of another connection that has the same id is another one");
    let both = RecordFilter { owners: vec![elsewhere, ours("cus_x")], ..all() };
    assert_eq!(found(&store, &both).await, ["in_4"]);
}

pub async fn deleted_records_are_left_out_unless_asked_for(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    apply(&store, &change("b", 1, "two"), &by_event(), None).await;
    apply(&store, &gone("a", 2), &by_event(), None).await;
    assert_eq!(found(&store, &all()).await, ["b"]);
    let everything = RecordFilter { include_deleted: true, status: some("live"), ..all() };
    assert_eq!(found(&store, &everything).await, ["a", "b"]);
}

pub async fn text_is_found_in_title_subtitle_and_id(store: Store) {
    let index = |title: &str, subtitle: &str| Index {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        ..Index::default()
    };
    put(&store, "cus_Alpha", index("Northwind", "ada@example.com")).await;
    put(&store, "cus_Beta", index("Ärzte & Co", "bob@example.com")).await;
    let text = |text: &str| RecordFilter { text: some(text), ..all() };
    assert_eq!(found(&store, &text("WIND")).await, ["cus_Alpha"]);
    assert_eq!(found(&store, &text("ärz")).await, ["cus_Beta"]);
    assert_eq!(found(&store, &text("bob@")).await, ["cus_Beta"]);
    assert_eq!(found(&store, &text("cus_a")).await, ["cus_Alpha"]);
    assert_eq!(found(&store, &text("example")).await, ["cus_Alpha", "cus_Beta"]);
    assert!(found(&store, &text("nothing")).await.is_empty());
}

pub async fn signs_of_a_pattern_stand_for_themselves(store: Store) {
    for (id, title) in [("a", "100% wool"), ("b", "100 sheep"), ("c", "snake_case"), ("d", "snakeXcase"), ("e", "so!")]
    {
        put(&store, id, Index { title: title.to_owned(), ..Index::default() }).await;
    }
    let text = |text: &str| RecordFilter { text: some(text), ..all() };
    assert_eq!(found(&store, &text("0%")).await, ["a"]);
    assert_eq!(found(&store, &text("e_c")).await, ["c"]);
    assert_eq!(found(&store, &text("o!")).await, ["e"]);
}

pub async fn many_records_are_read_at_once(store: Store) {
    for id in ["a", "b", "c"] {
        apply(&store, &change(id, 1, id), &by_event(), None).await;
    }
    let ids: Vec<String> = ["a", "c", "z"].map(str::to_owned).to_vec();
    let mut read = store.records_by_ids("stripe", &THING, &ids).await.unwrap();
    read.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(read.iter().map(|record| record.key.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert!(store.records_by_ids("mux", &THING, &ids).await.unwrap().is_empty());
    assert!(store.records_by_ids("stripe", &THING, &[]).await.unwrap().is_empty());
}

pub async fn anything_is_found_by_id_or_by_how_it_begins(store: Store) {
    for (id, title) in [("cus_1", "Northwind"), ("cus_2", "north star"), ("cus_3", "Umbra North")] {
        put(&store, id, Index { title: title.to_owned(), subtitle: format!("{id}@x.com"), ..Index::default() }).await;
    }
    apply(&store, &change("cus_4", 1, "northern"), &by_event(), None).await;
    apply(&store, &gone("cus_4", 2), &by_event(), None).await;
    let ids = |records: Vec<patchbay_store::Record>| -> Vec<String> {
        records.into_iter().map(|record| record.key.id).collect()
    };
    assert_eq!(ids(store.find_anything(" cus_3 ", 10).await.unwrap()), ["cus_3"]);
    assert_eq!(ids(store.find_anything("NORTH", 10).await.unwrap()), ["cus_2", "cus_1"]);
    assert_eq!(ids(store.find_anything("NORTH", 1).await.unwrap()).len(), 1);
    assert_eq!(ids(store.find_anything("cus_2@", 10).await.unwrap()), ["cus_2"]);
    assert_eq!(ids(store.find_anything("cus_4", 10).await.unwrap()), ["cus_4"], "deleted ones are found by their id");
    assert!(store.find_anything("  ", 10).await.unwrap().is_empty());
}

pub async fn records_of_two_connections_with_one_id_are_two(store: Store) {
    apply_at(&store, "mux", &change("a", 1, "one"), &by_event(), None).await;
    assert!(store.record("stripe", &key("a")).await.unwrap().is_none());
    apply_at(&store, "stripe", &change("a", 1, "two"), &by_event(), None).await;
    for (connection, content) in [("mux", "one"), ("stripe", "two")] {
        let record = store.record(connection, &key("a")).await.unwrap().unwrap();
        assert_eq!((record.connection.as_str(), &record.body), (connection, &json!({ "content": content })));
    }
}

pub async fn starts_and_ends_are_counted_per_bucket(store: Store) {
    let day = |days: u64| START.plus(Duration::from_secs(days * 86_400));
    let lives: [(u64, Option<u64>); 5] = [(0, Some(5)), (1, None), (12, Some(25)), (21, None), (40, None)];
    for (number, (from, to)) in lives.into_iter().enumerate() {
        let index = Index { created_at: day(from), ended_at: to.map(day), ..Index::default() };
        put(&store, &format!("sub_{number}"), index).await;
    }
    put(&store, "gone", Index { created_at: day(12), ..Index::default() }).await;
    apply(&store, &gone("gone", 2), &by_event(), None).await;
    let bounds: Vec<Timestamp> = [10, 20, 30].map(day).to_vec();
    let counts = store.started_and_ended(&THING, &bounds).await.unwrap();
    assert_eq!(counts, StartedAndEnded { before: (2, 1), buckets: vec![(1, 0), (1, 1), (1, 0)] });
    assert_eq!(store.started_and_ended(&THING, &[]).await.unwrap().buckets, []);
}
