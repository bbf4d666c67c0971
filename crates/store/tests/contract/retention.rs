use crate::{
    harness::{START, apply, by_event, change, claim, content, deliver, event, finish_event, first, outcomes, pass},
    operations::call,
};
use patchbay_domain::event::EventState;
use patchbay_store::{CallFilter, EventFilter, NewEvent, Outdated, Store};

pub async fn the_oldest_events_are_dropped_with_all_that_belongs_to_them(store: Store) {
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(deliver(&store, &format!("evt_{number}"), None).await);
        pass(&store, 1);
    }
    claim(&store, "w").await;
    finish_event(&store, ids[0], "w", EventState::Dead).await;
    finish_event(&store, ids[1], "w", EventState::Processed).await;
    finish_event(&store, ids[2], "w", EventState::Skipped).await;
    let left = async || {
        let page = store.list_events(&EventFilter::default(), &first(10)).await.unwrap();
        page.items.into_iter().rev().map(|event| event.id).collect::<Vec<_>>()
    };
    let drop = async |before, limit| store.drop_outdated(Outdated::Events, before, limit).await.unwrap();
    assert_eq!(drop(START, 10).await, 0);
    assert_eq!(drop(store.clock().now(), 1).await, 1);
    assert_eq!(left().await, [ids[0], ids[2], ids[3]], "the oldest that is done with");
    assert_eq!(drop(store.clock().now(), 10).await, 1);
    assert_eq!(left().await, [ids[0], ids[3]], "a dead letter and a pending event stay");
    assert!(store.event(ids[1]).await.unwrap().is_none());
    // Sent once more after all that time, it is a new event.
    let again = NewEvent { id: ids[1], ..event(&store, "evt_1", "thing.changed", None) };
    assert_eq!(store.insert_events(&[again]).await.unwrap(), [true], "neither event nor payload are left");
    assert!(store.event(ids[1]).await.unwrap().unwrap().attempts.is_empty());
}

pub async fn history_and_calls_are_dropped_by_their_time(store: Store) {
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    store.insert_calls(&[call(&store, "fetch", None)]).await.unwrap();
    pass(&store, 60);
    let later = store.clock().now();
    apply(&store, &change("a", 2, "two"), &by_event(), None).await;
    store.insert_calls(&[call(&store, "list", None)]).await.unwrap();
    for what in [Outdated::History, Outdated::Calls] {
        assert_eq!(store.drop_outdated(what, START, 10).await.unwrap(), 0, "{what:?}");
        assert_eq!(store.drop_outdated(what, later, 10).await.unwrap(), 1, "{what:?}");
    }
    assert_eq!(outcomes(&store, "a").await, ["updated"]);
    assert_eq!(content(&store, "a").await, ("two".to_owned(), 2), "the record stays");
    let calls = store.list_calls(&CallFilter::default(), &first(10)).await.unwrap().items;
    assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["list"]);
}
