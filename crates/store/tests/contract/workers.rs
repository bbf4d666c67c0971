use crate::harness::{START, claim, deliver, finish_event, pass, retry_event};
use patchbay_domain::event::EventState;
use patchbay_store::{Backlog, Store};

pub async fn a_worker_is_alive_while_it_says_so(store: Store) {
    assert_eq!(store.workers_alive().await.unwrap(), 0);
    for id in ["one", "one", "two"] {
        store.note_worker(id).await.unwrap();
    }
    assert_eq!(store.workers_alive().await.unwrap(), 2);
    pass(&store, 30);
    store.note_worker("two").await.unwrap();
    assert_eq!(store.workers_alive().await.unwrap(), 2);
    pass(&store, 30);
    assert_eq!(store.workers_alive().await.unwrap(), 1, "the first has been silent for a minute");
    store.forget_worker("two").await.unwrap();
    assert_eq!(store.workers_alive().await.unwrap(), 0);
}

pub async fn what_waits_and_what_was_given_up_is_counted(store: Store) {
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    let first = deliver(&store, "evt_1", Some("a")).await;
    let second = deliver(&store, "evt_2", Some("b")).await;
    let waiting = store.backlog().await.unwrap();
    assert_eq!((waiting.pending, waiting.due_since, waiting.dead), (2, Some(START), 0));
    claim(&store, "w").await;
    assert!(finish_event(&store, first, "w", EventState::Dead).await);
    assert!(retry_event(&store, second, "w", 30).await);
    let later = store.backlog().await.unwrap();
    assert_eq!((later.pending, later.dead), (1, 1));
    assert!(later.due_since.unwrap() > START, "it waits for its next try");
}
