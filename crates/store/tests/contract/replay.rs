use crate::harness::{START, claim, deliver, deliver_as, finish_event, ids, pass};
use patchbay_domain::event::EventState;
use patchbay_store::{EventFilter, Store};
use std::time::Duration;

fn dead() -> EventFilter {
    EventFilter { state: Some(EventState::Dead), ..EventFilter::default() }
}

/// Five dead events, a second apart, of types `a.one` and `a.two`, and a pending one.
async fn five_dead_ones(store: &Store) -> Vec<uuid::Uuid> {
    let mut sent = Vec::new();
    for number in 0..5 {
        let event_type = if number == 0 { "a.two" } else { "a.one" };
        let id = deliver_as(store, &format!("evt_{number}"), event_type, Some("a")).await;
        claim(store, "w").await;
        assert!(finish_event(store, id, "w", EventState::Dead).await);
        sent.push(id);
        pass(store, 1);
    }
    deliver(store, "waiting", None).await;
    sent
}

pub async fn a_preview_says_what_a_replay_would_touch(store: Store) {
    five_dead_ones(&store).await;
    let preview = store.replay_preview(&EventFilter::default()).await.unwrap();
    assert_eq!((preview.count, preview.more), (5, false), "the pending one is in line already");
    assert_eq!(preview.by_type, [("a.one".to_owned(), 4), ("a.two".to_owned(), 1)]);
    assert_eq!(preview.oldest, Some(START));
    assert_eq!(preview.newest, Some(START.plus(Duration::from_secs(4))));
    let one_type = EventFilter { event_type: Some("a.two".to_owned()), ..dead() };
    assert_eq!(store.replay_preview(&one_type).await.unwrap().count, 1);
    let nothing = EventFilter { state: Some(EventState::Skipped), ..EventFilter::default() };
    assert_eq!(store.replay_preview(&nothing).await.unwrap(), patchbay_store::ReplayPreview::default());
}

pub async fn chosen_events_go_back_in_line(store: Store) {
    let sent = five_dead_ones(&store).await;
    let waiting = claim(&store, "w").await;
    assert_eq!(waiting.len(), 1);
    let chosen = [sent[3], sent[1], waiting[0].id, store.new_id()];
    assert_eq!(store.replay_events(&chosen).await.unwrap(), 2, "pending and unknown ones do not count");
    let detail = store.event(sent[1]).await.unwrap().unwrap();
    assert_eq!((detail.summary.state, detail.summary.attempts, detail.summary.replays), (EventState::Pending, 0, 1));
    assert_eq!((detail.summary.error, detail.summary.finished_at), (None, None));
    assert_eq!(detail.attempts.len(), 1, "what was tried before stays listed");
    assert_eq!(ids(&claim(&store, "w").await), [sent[1], sent[3]], "in the order they were received");
    assert!(finish_event(&store, sent[1], "w", EventState::Processed).await);
    assert_eq!(store.event(sent[1]).await.unwrap().unwrap().attempts.len(), 2);
    assert_eq!(store.replay_events(&[sent[1]]).await.unwrap(), 1);
    assert_eq!(store.event(sent[1]).await.unwrap().unwrap().summary.replays, 2);
}

pub async fn a_filter_replays_its_newest_events(store: Store) {
    let sent = five_dead_ones(&store).await;
    let filter = EventFilter { event_type: Some("a.*".to_owned()), ..dead() };
    assert_eq!(store.replay_filter(&filter, 0).await.unwrap(), 0);
    assert_eq!(store.replay_filter(&filter, 2).await.unwrap(), 2);
    assert_eq!(ids(&claim(&store, "w").await)[..2], [sent[3], sent[4]]);
    let by_text = EventFilter { text: Some("evt_1".to_owned()), ..EventFilter::default() };
    assert_eq!(store.replay_filter(&by_text, 100).await.unwrap(), 1);
    assert_eq!(store.replay_filter(&EventFilter::default(), 100).await.unwrap(), 2);
    assert_eq!(store.replay_filter(&EventFilter::default(), 100).await.unwrap(), 0);
}
