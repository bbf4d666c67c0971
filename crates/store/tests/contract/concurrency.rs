use crate::harness::{LEASE, START, THING, by_event, change, content, deliver, event, finish_event, key, outcomes};
use patchbay_domain::{Source, change::Applied, event::EventState};
use patchbay_store::{Lane, NewEvent, Store};
use std::{collections::BTreeSet, time::Duration};
use tokio::task::JoinSet;

pub async fn two_deliveries_of_one_event_store_it_once(store: Store) {
    let mut tasks = JoinSet::new();
    for task in 0..6_usize {
        let batch: Vec<NewEvent> = (0..40)
            // Each starts elsewhere, so that the batches meet in different orders.
            .map(|n| event(&store, &format!("evt_{}", (n * 7 + task * 11) % 40), "thing.changed", None))
            .collect();
        let store = store.clone();
        tasks.spawn(async move { store.insert_events(&batch).await.unwrap() });
    }
    let new: usize = tasks.join_all().await.into_iter().flatten().filter(|new| *new).count();
    assert_eq!(new, 40);
}

/// Workers claim side by side; whoever holds an event of an object holds the earliest one.
pub async fn two_claimers_never_split_an_object(store: Store) {
    for number in 0..60 {
        deliver(&store, &format!("evt_{number}"), Some(["a", "b", "c"][number % 3])).await;
    }
    let mut tasks = JoinSet::new();
    for worker in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            let owner = format!("worker {worker}");
            let mut mine = Vec::new();
            for _ in 0..400 {
                for claimed in store.claim_events(Lane::All, &owner, LEASE, 4).await.unwrap() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let number: i64 = claimed.external_id.trim_start_matches("evt_").parse().unwrap();
                    let name = claimed.object.clone().unwrap().id;
                    let mut tx = store.begin().await.unwrap();
                    let change = change(&name, number + 1, &number.to_string());
                    let applied = tx.apply("stripe", &change, &by_event(), None).await.unwrap();
                    assert!(matches!(applied, Applied::Created | Applied::Updated), "{applied:?}: out of order");
                    tx.commit().await.unwrap();
                    assert!(finish_event(&store, claimed.id, &owner, EventState::Processed).await);
                    mine.push(claimed.id);
                }
                if store.next_due(Lane::All).await.unwrap().is_none() {
                    break;
                }
            }
            mine
        });
    }
    let done: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(done.len(), 60);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), 60);
    assert_eq!(content(&store, "c").await, ("59".to_owned(), 60));
}

pub async fn two_creations_of_one_record_both_come_out_right(store: Store) {
    for round in 0..10 {
        let mut tasks = JoinSet::new();
        for version in 1..6 {
            let store = store.clone();
            tasks.spawn(async move {
                let source = Source::Sync { id: format!("run {version}") };
                let mut tx = store.begin().await.unwrap();
                let change = change(&format!("a{round}"), version, &version.to_string());
                let applied = tx.apply("stripe", &change, &source, None).await.unwrap();
                tx.commit().await.unwrap();
                applied
            });
        }
        let applied = tasks.join_all().await;
        assert_eq!(applied.iter().filter(|applied| **applied == Applied::Created).count(), 1, "{applied:?}");
        assert_eq!(content(&store, &format!("a{round}")).await, ("5".to_owned(), 5));
        assert_eq!(outcomes(&store, &format!("a{round}")).await.len(), 5);
    }
    assert_eq!(store.status_counts(&THING, None).await.unwrap(), [("live".to_owned(), 10)]);
    assert!(store.record("stripe", &key("a0")).await.unwrap().is_some());
}

pub async fn counters_lose_nothing(store: Store) {
    let mut tasks = JoinSet::new();
    for task in 0..20 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0..5 {
                deliver(&store, &format!("evt_{task}_{number}"), None).await;
            }
        });
    }
    tasks.join_all().await;
    let counts = store.minute_counts(None, START.minus(LEASE), START.plus(LEASE)).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.accepted).sum::<i64>(), 100);
}
