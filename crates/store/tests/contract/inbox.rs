use crate::harness::{START, claim, deliver, deliver_as, event, finish_event, key, pass};
use patchbay_domain::event::EventState;
use patchbay_store::{EventFilter, Lane, NewEvent, PageRequest, Store};
use std::time::Duration;

pub async fn a_delivery_is_stored_once(store: Store) {
    let once = event(&store, "evt_1", "thing.changed", Some("a"));
    let again = NewEvent { id: store.new_id(), ..once.clone() };
    let elsewhere = NewEvent { id: store.new_id(), connection: "mux".to_owned(), ..once.clone() };
    assert_eq!(store.insert_events(std::slice::from_ref(&once)).await.unwrap(), [true]);
    assert_eq!(store.insert_events(&[again.clone(), elsewhere]).await.unwrap(), [false, true]);
    assert!(store.event(once.id).await.unwrap().is_some());
    assert!(store.event(again.id).await.unwrap().is_none());
}

pub async fn duplicates_within_a_batch_are_found(store: Store) {
    let names = ["evt_1", "evt_2", "evt_1", "evt_3", "evt_2"];
    let batch: Vec<NewEvent> = names.iter().map(|name| event(&store, name, "thing.changed", None)).collect();
    assert_eq!(store.insert_events(&batch).await.unwrap(), [true, true, false, true, false]);
    let claimed = claim(&store, "w").await;
    let stored: Vec<&str> = claimed.iter().map(|event| event.external_id.as_str()).collect();
    assert_eq!(stored, ["evt_1", "evt_2", "evt_3"]);
}

pub async fn a_large_batch_is_stored_whole(store: Store) {
    let batch: Vec<NewEvent> =
        (0..700).map(|n| event(&store, &format!("evt_{n}"), "thing.changed", Some("a"))).collect();
    assert_eq!(store.insert_events(&batch).await.unwrap(), vec![true; 700]);
    let claimed = store.claim_events(Lane::All, "w", Duration::from_mins(1), 1_000).await.unwrap();
    assert_eq!(claimed.len(), 700);
    assert!(claimed.iter().all(|event| !event.body.is_empty()));
    assert!(claimed.iter().map(|event| event.id).is_sorted());
}

pub async fn an_event_shows_what_was_delivered(store: Store) {
    let mut sent = event(&store, "evt_1", "thing.changed", Some("a"));
    sent.body = vec![0, 159, 146, 150].into();
    store.insert_events(std::slice::from_ref(&sent)).await.unwrap();
    let detail = store.event(sent.id).await.unwrap().unwrap();
    assert_eq!(detail.body, sent.body);
    assert_eq!(detail.headers, sent.headers);
    assert_eq!(detail.summary.object, Some(key("a")));
    assert_eq!(detail.summary.state, EventState::Pending);
    assert_eq!(detail.summary.received_at, START);
    assert_eq!(detail.summary.size_bytes, 4);
    assert!(detail.attempts.is_empty());
}

pub async fn payloads_of_one_type_read_back_byte_by_byte(store: Store) {
    let bodies: [&[u8]; 5] = [
        br#"{"id": "evt_0", "data": {"object": {"id": "a", "name": "Ada", "list": [1, 2]}}}"#,
        br#"{"id": "evt_1", "data": {"object": {"id": "a", "name": "Bob", "list": [1, 2]}}}"#,
        b"",
        &[0, 255, 34, 92],
        &b"x".repeat(100_000),
    ];
    let mut sent = Vec::new();
    for (number, body) in bodies.into_iter().enumerate() {
        let mut event = event(&store, &format!("evt_{number}"), "thing.changed", None);
        event.body = body.to_vec().into();
        store.insert_events(std::slice::from_ref(&event)).await.unwrap();
        sent.push(event);
    }
    let claimed = claim(&store, "w").await;
    for (event, claimed) in sent.iter().zip(claimed) {
        assert_eq!(claimed.body, event.body);
        assert_eq!(store.event(event.id).await.unwrap().unwrap().body, event.body);
    }
    let text = |text: &str| EventFilter { text: Some(text.to_owned()), ..EventFilter::default() };
    for (looked_for, found) in [("\"Ada\"", 1), ("\"name\"", 2), ("xxxx", 1), ("Eve", 0)] {
        let page = store.list_events(&text(looked_for), &PageRequest::default()).await.unwrap();
        assert_eq!(page.items.len(), found, "{looked_for}");
    }
}

pub async fn an_event_is_found_by_the_providers_id(store: Store) {
    let id = deliver(&store, "evt_1", Some("a")).await;
    deliver(&store, "evt_2", Some("a")).await;
    let found = store.event_by_external("evt_1").await.unwrap();
    assert_eq!(found.iter().map(|event| event.id).collect::<Vec<_>>(), [id]);
    assert!(store.event_by_external("evt_9").await.unwrap().is_empty());
}

pub async fn chosen_events_are_read_newest_first(store: Store) {
    let mut sent = Vec::new();
    for number in 0..300 {
        sent.push(event(&store, &format!("evt_{number}"), "thing.changed", None));
    }
    store.insert_events(&sent).await.unwrap();
    pass(&store, 1);
    let newest = deliver(&store, "evt_newest", None).await;
    let mut chosen: Vec<uuid::Uuid> = sent.iter().map(|event| event.id).collect();
    chosen.extend([newest, store.new_id()]);
    let found = store.events_by_ids(&chosen).await.unwrap();
    assert_eq!(found.len(), 301, "an id that nobody knows is left out");
    assert_eq!(found[0].id, newest);
    assert!(found.is_sorted_by_key(|event| std::cmp::Reverse((event.received_at, event.id))));
    assert!(store.events_by_ids(&[]).await.unwrap().is_empty());
}

pub async fn event_types_are_remembered_per_connection(store: Store) {
    deliver_as(&store, "evt_1", "b.two", None).await;
    deliver_as(&store, "evt_2", "a.one", None).await;
    deliver_as(&store, "evt_3", "b.two", None).await;
    let other = NewEvent { connection: "mux".to_owned(), ..event(&store, "evt_4", "c.three", None) };
    store.insert_events(&[other]).await.unwrap();
    assert_eq!(store.event_types(None).await.unwrap(), ["a.one", "b.two", "c.three"]);
    assert_eq!(store.event_types(Some("stripe")).await.unwrap(), ["a.one", "b.two"]);
}

pub async fn minutes_count_what_came_and_what_became_of_it(store: Store) {
    let one = deliver(&store, "evt_1", None).await;
    let two = deliver(&store, "evt_2", None).await;
    let again = event(&store, "evt_1", "thing.changed", None);
    store.insert_events(&[again]).await.unwrap();
    pass(&store, 60);
    claim(&store, "w").await;
    finish_event(&store, one, "w", EventState::Processed).await;
    finish_event(&store, two, "w", EventState::Dead).await;
    let end = START.plus(Duration::from_mins(10));
    let counts = store.minute_counts(None, START.minus(Duration::from_mins(1)), end).await.unwrap();
    let numbers: Vec<_> =
        counts.iter().map(|count| (count.accepted, count.duplicates, count.processed, count.dead)).collect();
    assert_eq!(numbers, [(2, 1, 0, 0), (0, 0, 1, 1)]);
    assert!(counts.iter().all(|count| count.minute.seconds() % 60 == 0));
    assert!(store.minute_counts(Some("mux"), START, end).await.unwrap().is_empty());
}

pub async fn an_empty_batch_is_fine(store: Store) {
    assert!(store.insert_events(&[]).await.unwrap().is_empty());
    store.insert_calls(&[]).await.unwrap();
    assert_eq!(store.replay_events(&[]).await.unwrap(), 0);
}
