use crate::harness::{
    LEASE, START, apply, attempt, by_event, change, claim, content, deliver, event, finish_event, ids, key, pass,
    retry_event, step_back,
};
use patchbay_domain::{change::Applied, event::EventState};
use patchbay_store::{Lane, NewEvent, Store};
use std::{collections::BTreeMap, time::Duration};

pub async fn events_are_claimed_in_the_order_received(store: Store) {
    let mut sent = Vec::new();
    for (number, object) in ["a", "b", "a", "c", "b"].into_iter().enumerate() {
        sent.push(deliver(&store, &format!("evt_{number}"), Some(object)).await);
        pass(&store, 1);
    }
    let two = store.claim_events(Lane::All, "w", LEASE, 2).await.unwrap();
    assert_eq!(ids(&two), sent[..2]);
    assert_eq!(two[0].attempts, 1);
    assert_eq!(two[0].object, Some(key("a")));
    assert_eq!(two[0].body, "{\"id\":\"evt_0\"}");
}

pub async fn a_claimed_event_holds_back_the_later_ones_of_its_object(store: Store) {
    let a1 = deliver(&store, "evt_1", Some("a")).await;
    assert_eq!(ids(&claim(&store, "one").await), [a1]);
    let a2 = deliver(&store, "evt_2", Some("a")).await;
    let b1 = deliver(&store, "evt_3", Some("b")).await;
    assert_eq!(ids(&claim(&store, "two").await), [b1]);
    assert!(finish_event(&store, a1, "one", EventState::Processed).await);
    assert_eq!(ids(&claim(&store, "two").await), [a2]);
}

pub async fn an_event_in_backoff_holds_back_the_later_ones_of_its_object(store: Store) {
    let a1 = deliver(&store, "evt_1", Some("a")).await;
    let a2 = deliver(&store, "evt_2", Some("a")).await;
    let b1 = deliver(&store, "evt_3", Some("b")).await;
    assert_eq!(ids(&claim(&store, "w").await), [a1, a2, b1]);
    assert!(retry_event(&store, a1, "w", 30).await);
    assert!(retry_event(&store, a2, "w", 0).await);
    assert!(retry_event(&store, b1, "w", 0).await);
    assert_eq!(ids(&claim(&store, "w").await), [b1]);
    pass(&store, 30);
    let claimed = claim(&store, "w").await;
    assert_eq!(ids(&claimed), [a1, a2]);
    assert_eq!(claimed[0].attempts, 2);
}

pub async fn events_without_an_object_hold_nothing_back(store: Store) {
    let one = deliver(&store, "evt_1", None).await;
    assert_eq!(ids(&claim(&store, "w").await), [one]);
    let two = deliver(&store, "evt_2", None).await;
    assert_eq!(ids(&claim(&store, "w").await), [two]);
}

pub async fn an_expired_lease_is_claimed_again(store: Store) {
    let id = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "one").await;
    pass(&store, 59);
    assert!(claim(&store, "two").await.is_empty());
    pass(&store, 1);
    let claimed = claim(&store, "two").await;
    assert_eq!(ids(&claimed), [id]);
    assert_eq!(claimed[0].attempts, 2);
}

pub async fn effects_happen_once(store: Store) {
    let id = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "slow").await;
    pass(&store, 61);
    claim(&store, "quick").await;

    let mut late = store.begin().await.unwrap();
    late.apply("stripe", &change("a", 1, "late"), &by_event(), None).await.unwrap();
    assert!(!late.finish_event(id, "slow", EventState::Processed, &attempt("processed")).await.unwrap());
    late.rollback().await.unwrap();
    assert!(store.record("stripe", &key("a")).await.unwrap().is_none());

    let mut tx = store.begin().await.unwrap();
    tx.apply("stripe", &change("a", 1, "once"), &by_event(), None).await.unwrap();
    assert!(tx.finish_event(id, "quick", EventState::Processed, &attempt("processed")).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(content(&store, "a").await.0, "once");

    assert!(!finish_event(&store, id, "quick", EventState::Processed).await);
    assert!(!retry_event(&store, id, "quick", 1).await);
    assert_eq!(store.event(id).await.unwrap().unwrap().attempts.len(), 1);
}

pub async fn an_extended_lease_lasts_longer(store: Store) {
    let id = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "one").await;
    pass(&store, 50);
    store.extend_lease(&[id], "stranger", LEASE * 10).await.unwrap();
    store.extend_lease(&[id], "one", LEASE).await.unwrap();
    pass(&store, 59);
    assert!(claim(&store, "two").await.is_empty());
    pass(&store, 1);
    assert_eq!(claim(&store, "two").await.len(), 1);
}

pub async fn a_clock_that_was_ahead_holds_nothing_back(store: Store) {
    pass(&store, 3_600);
    let tried = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "one").await;
    let behind_it = deliver(&store, "evt_2", Some("a")).await;
    let untried = deliver(&store, "evt_3", Some("b")).await;
    step_back(&store, 30);
    assert_eq!(ids(&claim(&store, "two").await), [untried], "clocks differ a little; the lease holds");
    step_back(&store, 3_570);
    assert_eq!(ids(&claim(&store, "two").await), [tried, behind_it, untried]);
}

pub async fn released_events_are_free_at_once(store: Store) {
    deliver(&store, "evt_1", Some("a")).await;
    deliver(&store, "evt_2", Some("b")).await;
    claim(&store, "one").await;
    assert_eq!(store.release_leases("two").await.unwrap(), 0);
    assert_eq!(store.release_leases("one").await.unwrap(), 2);
    let claimed = claim(&store, "two").await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].attempts, 1, "giving back is no attempt");
}

pub async fn a_worker_takes_events_of_its_lane_only(store: Store) {
    let mut ids_of = BTreeMap::new();
    for connection in ["stripe", "mux", "gone"] {
        let event = NewEvent { connection: connection.to_owned(), ..event(&store, connection, "thing.changed", None) };
        ids_of.insert(connection, event.id);
        assert_eq!(store.insert_events(&[event]).await.unwrap(), [true]);
    }
    let configured = ["stripe".to_owned(), "mux".to_owned()];
    for (lane, expected) in [
        (Lane::Of("mux"), vec![ids_of["mux"]]),
        (Lane::NotOf(&configured), vec![ids_of["gone"]]),
        (Lane::NotOf(&[]), vec![ids_of["stripe"]]),
    ] {
        assert_eq!(store.next_due(lane).await.unwrap(), Some(START), "{lane:?}");
        assert_eq!(ids(&store.claim_events(lane, "w", LEASE, 100).await.unwrap()), expected, "{lane:?}");
        assert!(store.claim_events(lane, "w", LEASE, 100).await.unwrap().is_empty(), "{lane:?}");
    }
}

pub async fn an_event_is_given_back_by_its_holder_only(store: Store) {
    let event = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "one").await;
    for (owner, held) in [("two", false), ("one", true), ("one", false)] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.give_back_event(event, owner).await.unwrap(), held, "{owner}");
        tx.commit().await.unwrap();
    }
    let claimed = claim(&store, "two").await;
    assert_eq!(ids(&claimed), [event]);
    assert_eq!(claimed[0].attempts, 1, "giving back is no attempt");
}

pub async fn the_next_due_event_is_the_next_that_can_be_worked_on(store: Store) {
    assert_eq!(store.next_due(Lane::All).await.unwrap(), None);
    let a1 = deliver(&store, "evt_1", Some("a")).await;
    deliver(&store, "evt_2", Some("a")).await;
    assert_eq!(store.next_due(Lane::All).await.unwrap(), Some(START));
    store.claim_events(Lane::All, "w", LEASE, 1).await.unwrap();
    assert_eq!(store.next_due(Lane::All).await.unwrap(), Some(START.plus(LEASE)));
    retry_event(&store, a1, "w", 5).await;
    assert_eq!(store.next_due(Lane::All).await.unwrap(), Some(START.plus(Duration::from_secs(5))));
    assert!(claim(&store, "w").await.is_empty());
}

pub async fn attempts_are_listed(store: Store) {
    let id = deliver(&store, "evt_1", Some("a")).await;
    claim(&store, "w").await;
    retry_event(&store, id, "w", 5).await;
    let waiting = store.event(id).await.unwrap().unwrap();
    assert_eq!(waiting.summary.error.as_deref(), Some("it broke"));
    assert!(!waiting.summary.leased);
    pass(&store, 5);
    claim(&store, "w").await;
    assert!(store.event(id).await.unwrap().unwrap().summary.leased);
    assert_eq!(apply(&store, &change("a", 1, "x"), &by_event(), None).await, Applied::Created);
    finish_event(&store, id, "w", EventState::Processed).await;
    let detail = store.event(id).await.unwrap().unwrap();
    let outcomes: Vec<&str> = detail.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "processed"]);
    assert_eq!(detail.attempts[0].duration_us, 1_500);
    assert_eq!(detail.summary.state, EventState::Processed);
    assert_eq!(detail.summary.attempts, 2);
    assert_eq!(detail.summary.error, None);
    assert_eq!(detail.summary.finished_at, Some(store.clock().now()));
}
