use crate::harness::{
    START, THING, apply_at, by_event, claim, customer, deliver, deliver_as, event, finish_event, first, indexed, pass,
};
use patchbay_domain::{Index, event::EventState};
use patchbay_store::{
    AuditFilter, CallFilter, EventFilter, NewEvent, Page, PageRequest, RecordFilter, Store, StoreError,
};
use serde_json::Value;
use std::{future::Future, time::Duration};

/// Walks to the end and back again, and checks that both ways show the same pages. Answers all items.
async fn walk<T, F>(limit: u32, read: impl Fn(PageRequest) -> F) -> Vec<T>
where
    T: Clone + PartialEq + std::fmt::Debug,
    F: Future<Output = Page<T>>,
{
    let mut page = read(first(limit)).await;
    assert_eq!(page.prev, None, "nothing is before the first page");
    let mut pages = vec![page.clone()];
    while let Some(next) = page.next.clone() {
        page = read(PageRequest { after: Some(next), ..first(limit) }).await;
        assert!(page.prev.is_some());
        pages.push(page.clone());
    }
    for earlier in pages.iter().rev().skip(1) {
        page = read(PageRequest { before: page.prev.clone(), ..first(limit) }).await;
        assert_eq!(page.items, earlier.items);
        assert_eq!(page.next, earlier.next);
    }
    assert_eq!(page.prev, None, "and the way back ends there too");
    pages.into_iter().flat_map(|page| page.items).collect()
}

async fn found(store: &Store, filter: &EventFilter) -> Vec<String> {
    let page = store.list_events(filter, &first(100)).await.unwrap();
    page.items.into_iter().map(|event| event.external_id).collect()
}

pub async fn events_page_forwards_and_back_over_equal_times(store: Store) {
    for number in 0..11 {
        deliver(&store, &format!("evt_{number}"), Some("a")).await;
        if number == 4 {
            pass(&store, 1);
        }
    }
    for filter in [
        EventFilter::default(),
        EventFilter { connection: Some("stripe".to_owned()), ..EventFilter::default() },
        EventFilter { object_id: Some("a".to_owned()), ..EventFilter::default() },
        EventFilter { state: Some(EventState::Pending), ..EventFilter::default() },
        EventFilter { event_type: Some("thing.*".to_owned()), ..EventFilter::default() },
        EventFilter { text: Some("evt_".to_owned()), ..EventFilter::default() },
    ] {
        for limit in [1, 3, 11, 20] {
            let (store, filter) = (&store, &filter);
            let all = walk(limit, |page| async move { store.list_events(filter, &page).await.unwrap() }).await;
            let names: Vec<String> = all.into_iter().map(|event| event.external_id).collect();
            let newest_first: Vec<String> = (0..11).rev().map(|number| format!("evt_{number}")).collect();
            assert_eq!(names, newest_first, "{filter:?}, pages of {limit}");
        }
    }
}

pub async fn records_page_forwards_and_back_over_equal_times(store: Store) {
    for connection in ["mux", "stripe"] {
        for (number, id) in ["a", "B", "c", "ä", "_"].into_iter().enumerate() {
            let index = Index {
                title: "one".to_owned(),
                status: "live".to_owned(),
                owner: Some(["cus_1", "cus_2"][number % 2].to_owned()),
                created_at: START,
                ..Index::default()
            };
            apply_at(&store, connection, &indexed(id, 1, index, Value::Null), &by_event(), None).await;
        }
    }
    let by_status = RecordFilter { status: Some("live".to_owned()), ..RecordFilter::of(THING) };
    let by_text = RecordFilter { text: Some("ONE".to_owned()), ..RecordFilter::of(THING) };
    let owners =
        ["mux", "stripe"].into_iter().flat_map(|name| ["cus_1", "cus_2"].map(|id| customer(name, id))).collect();
    let by_owners = RecordFilter { owners, ..RecordFilter::of(THING) };
    for filter in [RecordFilter::of(THING), by_status, by_text, by_owners] {
        for limit in [1, 3, 10] {
            let (store, filter) = (&store, &filter);
            let all = walk(limit, |page| async move { store.list_records(filter, &page).await.unwrap() }).await;
            let names: Vec<&str> = all.iter().map(|record| record.key.id.as_str()).collect();
            // By bytes, on both engines.
            assert_eq!(names, ["ä", "ä", "c", "c", "a", "a", "_", "_", "B", "B"]);
        }
    }
}

pub async fn a_page_stands_still_while_events_arrive(store: Store) {
    for number in 0..4 {
        deliver(&store, &format!("evt_{number}"), None).await;
    }
    let filter = EventFilter::default();
    let newest = store.list_events(&filter, &first(2)).await.unwrap();
    deliver(&store, "evt_new", None).await;
    let older = PageRequest { after: newest.next, ..first(2) };
    let names = |page: Page<patchbay_store::EventSummary>| -> Vec<String> {
        page.items.into_iter().map(|event| event.external_id).collect()
    };
    let second = store.list_events(&filter, &older).await.unwrap();
    assert_eq!(names(second.clone()), ["evt_1", "evt_0"]);
    let back = PageRequest { before: second.prev, ..first(10) };
    assert_eq!(names(store.list_events(&filter, &back).await.unwrap()), ["evt_new", "evt_3", "evt_2"]);
}

pub async fn a_strange_cursor_is_refused(store: Store) {
    deliver(&store, "evt_1", None).await;
    deliver(&store, "evt_2", None).await;
    let of_events = store.list_events(&EventFilter::default(), &first(1)).await.unwrap().next;
    for cursor in ["", "%", "AAAA", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let page = PageRequest { after: Some(cursor.to_owned()), ..first(1) };
        let answer = store.list_events(&EventFilter::default(), &page).await;
        assert!(matches!(answer, Err(StoreError::BadCursor)), "{cursor:?}");
        let page = PageRequest { before: Some(cursor.to_owned()), ..first(1) };
        let answer = store.list_records(&RecordFilter::of(THING), &page).await;
        assert!(matches!(answer, Err(StoreError::BadCursor)), "{cursor:?}");
    }
    let elsewhere = PageRequest { after: of_events, ..first(1) };
    assert!(matches!(store.list_calls(&CallFilter::default(), &elsewhere).await, Err(StoreError::BadCursor)));
    assert!(matches!(store.list_audit(&AuditFilter::default(), &elsewhere).await, Err(StoreError::BadCursor)));
}

pub async fn events_filter_by_every_column(store: Store) {
    let dead = deliver_as(&store, "evt_1", "invoice.paid", Some("in_1")).await;
    claim(&store, "w").await;
    finish_event(&store, dead, "w", EventState::Dead).await;
    let skipped = deliver_as(&store, "evt_2", "odd.thing", None).await;
    claim(&store, "w").await;
    finish_event(&store, skipped, "w", EventState::Skipped).await;
    pass(&store, 10);
    let processed = deliver_as(&store, "evt_3", "invoice.paid", Some("in_2")).await;
    claim(&store, "w").await;
    finish_event(&store, processed, "w", EventState::Processed).await;
    let other = NewEvent { connection: "mux".to_owned(), ..event(&store, "evt_4", "video.ready", Some("in_1")) };
    store.insert_events(&[other]).await.unwrap();

    let any = EventFilter::default;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found(&store, &any()).await, ["evt_4", "evt_3", "evt_2", "evt_1"]);
    assert_eq!(found(&store, &EventFilter { connection: some("mux"), ..any() }).await, ["evt_4"]);
    assert_eq!(found(&store, &EventFilter { event_type: some("invoice.paid"), ..any() }).await, ["evt_3", "evt_1"]);
    assert_eq!(found(&store, &EventFilter { object_id: some("in_1"), ..any() }).await, ["evt_4", "evt_1"]);
    for (state, name) in EventState::ALL.into_iter().zip(["evt_4", "evt_3", "evt_2", "evt_1"]) {
        assert_eq!(found(&store, &EventFilter { state: Some(state), ..any() }).await, [name]);
    }
    let later = Some(START.plus(Duration::from_secs(10)));
    assert_eq!(found(&store, &EventFilter { from: later, ..any() }).await, ["evt_4", "evt_3"]);
    assert_eq!(found(&store, &EventFilter { to: later, ..any() }).await, ["evt_2", "evt_1"]);
    let all_at_once = EventFilter {
        connection: some("stripe"),
        event_type: some("invoice.*"),
        state: Some(EventState::Dead),
        object_id: some("in_1"),
        from: Some(START),
        to: later,
        text: some("evt_1"),
    };
    assert_eq!(found(&store, &all_at_once).await, ["evt_1"]);
    assert!(found(&store, &EventFilter { state: Some(EventState::Processed), ..all_at_once }).await.is_empty());
    let of_object = store.events_of_object("stripe", "in_1", &first(10)).await.unwrap();
    assert_eq!(of_object.items.len(), 1);
}

pub async fn a_type_with_a_star_is_a_prefix(store: Store) {
    for (name, event_type) in [("evt_1", "a.one"), ("evt_2", "a.two"), ("evt_3", "ab.one"), ("evt_4", "a")] {
        deliver_as(&store, name, event_type, None).await;
    }
    let of = |event_type: &str| EventFilter { event_type: Some(event_type.to_owned()), ..EventFilter::default() };
    assert_eq!(found(&store, &of("a.*")).await, ["evt_2", "evt_1"]);
    assert_eq!(found(&store, &of("a*")).await.len(), 4);
    assert_eq!(found(&store, &of("*")).await.len(), 4);
    assert_eq!(found(&store, &of("a.one")).await, ["evt_1"]);
    assert!(found(&store, &of("z.*")).await.is_empty());
    assert!(found(&store, &EventFilter { text: Some("evt".to_owned()), ..of("z.*") }).await.is_empty());
    let pending = EventFilter { state: Some(EventState::Pending), ..of("a.*") };
    assert_eq!(found(&store, &pending).await, ["evt_2", "evt_1"]);
}

pub async fn a_prefix_pages_over_several_types(store: Store) {
    for number in 0..9 {
        deliver_as(&store, &format!("evt_{number}"), ["a.one", "a.two", "b"][number % 3], None).await;
    }
    let filter = EventFilter { event_type: Some("a.*".to_owned()), ..EventFilter::default() };
    let (store, filter) = (&store, &filter);
    let all = walk(2, |page| async move { store.list_events(filter, &page).await.unwrap() }).await;
    let names: Vec<String> = all.into_iter().map(|event| event.external_id).collect();
    assert_eq!(names, ["evt_7", "evt_6", "evt_4", "evt_3", "evt_1", "evt_0"]);
}

pub async fn text_is_found_in_payloads(store: Store) {
    let mut broken = event(&store, "evt_1", "a", None);
    broken.body = b"\xff\xfe needle".to_vec().into();
    store.insert_events(&[broken]).await.unwrap();
    deliver(&store, "evt_2", None).await;
    let text = |text: &str| EventFilter { text: Some(text.to_owned()), ..EventFilter::default() };
    assert_eq!(found(&store, &text("needle")).await, ["evt_1"]);
    assert_eq!(found(&store, &text("\"evt_2\"")).await, ["evt_2"]);
    assert!(found(&store, &text("Needle")).await.is_empty(), "upper and lower case are told apart");
    assert!(found(&store, &text("n%e")).await.is_empty());
    assert!(found(&store, &EventFilter { event_type: Some("b".to_owned()), ..text("needle") }).await.is_empty());
}
