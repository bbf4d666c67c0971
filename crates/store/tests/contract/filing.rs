use crate::harness::{attempt, change, claim, deliver, event, finish_event, key, pass};
use patchbay_domain::{Source, event::EventState};
use patchbay_store::{EventFilter, FiledAs, Frame, Journal, NewEvent, PageRequest, Store, Unfileable};
use std::collections::BTreeSet;

/// Deliveries of one filing: more than any test has.
const MOST: i64 = 512;

async fn journal(store: &Store) -> Journal {
    Journal::open("sqlite::memory:", store.new_id()).await.unwrap()
}

fn events(store: &Store, names: &[&str]) -> Vec<NewEvent> {
    names.iter().map(|name| event(store, name, "thing.changed", Some(name))).collect()
}

async fn append(journal: &Journal, events: &[NewEvent]) {
    journal.append(&Frame::pack(events).unwrap()).await.unwrap();
}

/// Where the product keeps them on this database.
async fn keep(store: &Store, journal: &Journal, events: &[NewEvent]) {
    if store.keeps_frames() {
        store.append_frames(&Frame::pack(events).unwrap()).await.unwrap();
    } else {
        append(journal, events).await;
    }
}

/// Files one batch, leaves its work to others, and answers the new events' names.
async fn file(store: &Store, journal: &Journal) -> Option<Vec<String>> {
    let filing = store.begin_filing(journal, MOST).await.unwrap()?;
    let names = filing.events.iter().map(|event| event.envelope.external_id.clone()).collect();
    let outcomes = vec![FiledAs::Pending; filing.events.len()];
    filing.commit(outcomes).await.unwrap();
    Some(names)
}

async fn stored(store: &Store) -> usize {
    let page = PageRequest { limit: 500, ..PageRequest::default() };
    store.list_events(&EventFilter::default(), &page).await.unwrap().items.len()
}

pub async fn a_journals_frames_become_events_once_and_in_order(store: Store) {
    let journal = journal(&store).await;
    append(&journal, &events(&store, &["a", "b"])).await;
    append(&journal, &events(&store, &["c"])).await;
    assert_eq!(store.unfiled(&journal).await.unwrap(), 3);
    assert_eq!(file(&store, &journal).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(file(&store, &journal).await, None);
    assert_eq!(store.unfiled(&journal).await.unwrap(), 0);
    let claimed: Vec<String> = claim(&store, "w").await.into_iter().map(|event| event.external_id).collect();
    assert_eq!(claimed, ["a", "b", "c"]);
    append(&journal, &events(&store, &["d"])).await;
    store.tidy_journal(&journal).await.unwrap();
    assert_eq!(file(&store, &journal).await.unwrap(), ["d"]);
}

pub async fn a_filing_takes_whole_frames_up_to_its_limit_and_one_in_any_case(store: Store) {
    let journal = journal(&store).await;
    for names in [&["a", "b"][..], &["c"], &["d"], &["e", "f", "g"]] {
        keep(&store, &journal, &events(&store, names)).await;
    }
    let mut sizes = Vec::new();
    while let Some(filing) = store.begin_filing(&journal, 3).await.unwrap() {
        sizes.push(filing.events.len());
        let outcomes = vec![FiledAs::Pending; filing.events.len()];
        filing.commit(outcomes).await.unwrap();
    }
    assert_eq!(sizes, [3, 1, 3]);
    append(&journal, &events(&store, &["h", "i"])).await;
    assert_eq!(store.begin_filing(&journal, 1).await.unwrap().unwrap().events.len(), 2);
}

pub async fn a_flood_of_one_connection_does_not_hold_up_another(store: Store) {
    let journal = journal(&store).await;
    for number in 0..8 {
        let flood: Vec<String> = (0..4).map(|part| format!("noisy_{number}_{part}")).collect();
        keep(&store, &journal, &events(&store, &flood.iter().map(String::as_str).collect::<Vec<_>>())).await;
    }
    let quiet: Vec<NewEvent> = events(&store, &["quiet_0", "quiet_1"])
        .into_iter()
        .map(|event| NewEvent { connection: "mux".to_owned(), ..event })
        .collect();
    // With deliveries of the other in the same commit.
    keep(&store, &journal, &[quiet, events(&store, &["noisy_8_0"])].concat()).await;
    let mut filed = Vec::new();
    while let Some(filing) = store.begin_filing(&journal, 10).await.unwrap() {
        filed.push(filing.events.iter().map(|event| event.envelope.external_id.clone()).collect::<Vec<_>>());
        let outcomes = vec![FiledAs::Pending; filing.events.len()];
        filing.commit(outcomes).await.unwrap();
        assert!(filed.len() < 20, "it does not come to an end: {filed:?}");
    }
    assert_eq!(filed[0].len(), 10, "{filed:?}");
    assert!(filed[0].iter().filter(|name| name.starts_with("quiet")).eq(["quiet_0", "quiet_1"]), "{filed:?}");
    let noisy: Vec<&String> = filed.iter().flatten().filter(|name| name.starts_with("noisy")).collect();
    assert_eq!(noisy.len(), 33);
    assert!(noisy.is_sorted(), "{noisy:?}");
    store.tidy_journal(&journal).await.unwrap();
    assert_eq!(store.unfiled(&journal).await.unwrap(), 0);
}

pub async fn a_filing_that_is_given_up_leaves_its_frames(store: Store) {
    let journal = journal(&store).await;
    append(&journal, &events(&store, &["a"])).await;
    let given_up = store.begin_filing(&journal, MOST).await.unwrap().unwrap();
    drop(given_up);
    assert_eq!(store.unfiled(&journal).await.unwrap(), 1);
    assert_eq!(file(&store, &journal).await.unwrap(), ["a"]);
    assert_eq!(stored(&store).await, 1);
}

pub async fn a_delivery_filed_again_is_a_duplicate(store: Store) {
    let journal = journal(&store).await;
    let once = events(&store, &["a", "b"]);
    append(&journal, &once).await;
    file(&store, &journal).await.unwrap();
    let again: Vec<NewEvent> = once.iter().map(|event| NewEvent { id: store.new_id(), ..event.clone() }).collect();
    append(&journal, &[again, events(&store, &["c", "c"])].concat()).await;
    let filing = store.begin_filing(&journal, MOST).await.unwrap().unwrap();
    assert_eq!(filing.events.len(), 1);
    assert_eq!(filing.duplicates.get("stripe"), Some(&3));
    filing.commit(vec![FiledAs::Pending]).await.unwrap();
    assert_eq!(stored(&store).await, 3);
}

pub async fn another_journal_at_the_same_place_is_filed_from_its_start(store: Store) {
    let first = journal(&store).await;
    append(&first, &events(&store, &["a"])).await;
    file(&store, &first).await.unwrap();
    let second = journal(&store).await;
    append(&second, &events(&store, &["b"])).await;
    assert_eq!(file(&store, &second).await.unwrap(), ["b"]);
}

pub async fn an_event_with_its_effects_is_stored_in_one_transaction(store: Store) {
    let journal = journal(&store).await;
    append(&journal, &events(&store, &["a", "b"])).await;
    for commit in [false, true] {
        let mut filing = store.begin_filing(&journal, MOST).await.unwrap().unwrap();
        filing.tx.prepare(BTreeSet::from([("stripe".to_owned(), key("a"))])).await.unwrap();
        let source = Source::Event { id: filing.events[0].id.to_string() };
        filing.tx.apply("stripe", &change("a", 1, "one"), &source, None).await.unwrap();
        filing.tx.apply("stripe", &change("a", 2, "two"), &source, None).await.unwrap();
        if commit {
            filing.commit(vec![FiledAs::Processed(attempt("processed")), FiledAs::Pending]).await.unwrap();
        } else {
            drop(filing);
            assert_eq!(stored(&store).await, 0);
            assert!(store.record("stripe", &key("a")).await.unwrap().is_none());
        }
    }
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert_eq!((record.index.title.as_str(), record.revision), ("two", 2));
    let pending: Vec<String> = claim(&store, "w").await.into_iter().map(|event| event.external_id).collect();
    assert_eq!(pending, ["b"]);
    let done = store.event_by_external("a").await.unwrap().remove(0);
    assert_eq!((done.state, done.attempts), (EventState::Processed, 1));
    assert_eq!(store.event(done.id).await.unwrap().unwrap().attempts.len(), 1);
}

pub async fn an_event_waits_for_an_earlier_one_of_its_object(store: Store) {
    let journal = journal(&store).await;
    let earlier = deliver(&store, "evt_1", Some("a")).await;
    append(&journal, &events(&store, &["a", "b"])).await;
    let filing = store.begin_filing(&journal, MOST).await.unwrap().unwrap();
    assert_eq!(filing.must_wait, [true, false]);
    drop(filing);
    claim(&store, "w").await;
    assert!(finish_event(&store, earlier, "w", EventState::Processed).await);
    let filing = store.begin_filing(&journal, MOST).await.unwrap().unwrap();
    assert_eq!(filing.must_wait, [false, false]);
}

pub async fn frames_in_the_database_come_before_the_journals(store: Store) {
    let journal = journal(&store).await;
    if !store.keeps_frames() {
        // SQLite has no frames of its own.
        return;
    }
    append(&journal, &events(&store, &["later"])).await;
    store.append_frames(&Frame::pack(&events(&store, &["sooner"])).unwrap()).await.unwrap();
    assert_eq!(store.unfiled(&journal).await.unwrap(), 2);
    assert_eq!(file(&store, &journal).await.unwrap(), ["sooner"]);
    assert_eq!(file(&store, &journal).await.unwrap(), ["later"]);
    assert_eq!(file(&store, &journal).await, None);
    assert_eq!(store.unfiled(&journal).await.unwrap(), 0);
}

pub async fn a_batch_of_changes_decides_as_single_ones_do(store: Store) {
    let history = [change("a", 2, "two"), change("a", 1, "one"), change("b", 1, "b"), change("a", 3, "three")];
    let source = Source::Event { id: "evt".to_owned() };
    let mut one_by_one = Vec::new();
    let mut together = Vec::new();
    for change in &history {
        let mut tx = store.begin().await.unwrap();
        one_by_one.push(tx.apply("single", change, &source, None).await.unwrap());
        tx.commit().await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    tx.prepare(history.iter().map(|change| ("batch".to_owned(), change.key.clone())).collect()).await.unwrap();
    for change in &history {
        together.push(tx.apply("batch", change, &source, None).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(together, one_by_one);
    for id in ["a", "b"] {
        let single = store.record("single", &key(id)).await.unwrap().unwrap();
        let batched = store.record("batch", &key(id)).await.unwrap().unwrap();
        assert_eq!((&batched.index, &batched.body), (&single.index, &single.body));
        assert_eq!((batched.version, batched.revision), (single.version, single.revision));
    }
}

pub async fn a_deletion_in_a_batch_keeps_what_the_batch_wrote_before(store: Store) {
    let source = Source::Event { id: "evt".to_owned() };
    let gone = patchbay_domain::Change {
        version: patchbay_domain::Version(3),
        state: patchbay_domain::State::Deleted,
        ..change("a", 3, "")
    };
    let mut tx = store.begin().await.unwrap();
    tx.prepare(BTreeSet::from([("stripe".to_owned(), key("a"))])).await.unwrap();
    tx.apply("stripe", &change("a", 1, "one"), &source, None).await.unwrap();
    tx.apply("stripe", &gone, &source, None).await.unwrap();
    let late = tx.apply("stripe", &change("a", 2, "late"), &source, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(late.name(), "ignored");
    let record = store.record("stripe", &key("a")).await.unwrap().unwrap();
    assert!(record.deleted);
    assert_eq!((record.index.title.as_str(), record.revision), ("one", 2));
}

/// As the engine does with a frame that fails: all of it but these.
async fn file_all_but(store: &Store, journal: &Journal, names: &[&str]) {
    let key = store.next_frames(journal).await.unwrap().remove(0);
    let (mut parts, mut unfileable) = (Vec::new(), Vec::new());
    for event in store.deliveries_of(journal, &key).await.unwrap() {
        if names.contains(&event.envelope.external_id.as_str()) {
            let why = format!("{} is poison", event.envelope.external_id);
            unfileable.push(Unfileable { event, why });
        } else {
            parts.push(event);
        }
    }
    for part in parts {
        let filing = store.begin_filing_part(vec![part]).await.unwrap();
        let outcomes = vec![FiledAs::Pending; filing.events.len()];
        filing.commit(outcomes).await.unwrap();
    }
    store.finish_frame(journal, &key, &unfileable).await.unwrap();
}

async fn reasons(store: &Store, journal: &Journal) -> Vec<String> {
    store.frames_aside(journal).await.unwrap().into_iter().map(|frame| frame.why).collect()
}

pub async fn only_what_cannot_be_filed_is_set_aside_and_its_neighbors_keep_their_order(store: Store) {
    let journal = journal(&store).await;
    // All of one object.
    let names = ["a", "b", "c", "d", "e"];
    let sent: Vec<NewEvent> = names.iter().map(|name| event(&store, name, "thing.changed", Some("one"))).collect();
    keep(&store, &journal, &sent).await;
    keep(&store, &journal, &[event(&store, "f", "thing.changed", Some("one"))]).await;
    file_all_but(&store, &journal, &["b", "d"]).await;
    assert_eq!(reasons(&store, &journal).await, ["b is poison", "d is poison"]);
    let aside = store.frames_aside(&journal).await.unwrap();
    assert!(aside.iter().all(|frame| frame.events == 1 && frame.received_at == sent[0].received_at), "{aside:?}");
    assert_eq!(file(&store, &journal).await.unwrap(), ["f"]);
    let claimed: Vec<String> = claim(&store, "w").await.into_iter().map(|event| event.external_id).collect();
    assert_eq!(claimed, ["a", "c", "e", "f"]);
    assert_eq!(store.file_again(&journal).await.unwrap(), 2);
    let again: Vec<String> =
        [file(&store, &journal).await, file(&store, &journal).await].into_iter().flatten().flatten().collect();
    assert_eq!(again, ["b", "d"]);
    assert_eq!((stored(&store).await, reasons(&store, &journal).await.len()), (6, 0));
}

pub async fn a_frame_that_is_taken_apart_twice_is_set_aside_once(store: Store) {
    let journal = journal(&store).await;
    keep(&store, &journal, &events(&store, &["a", "b"])).await;
    let key = store.next_frames(&journal).await.unwrap().remove(0);
    let all = store.deliveries_of(&journal, &key).await.unwrap();
    let unfileable: Vec<Unfileable> =
        all.into_iter().skip(1).map(|event| Unfileable { event, why: "poison".to_owned() }).collect();
    for _ in 0..2 {
        store.finish_frame(&journal, &key, &unfileable).await.unwrap();
    }
    assert_eq!(reasons(&store, &journal).await, ["poison"]);
    assert_eq!(file(&store, &journal).await, None);
}

pub async fn it_is_known_since_when_deliveries_wait(store: Store) {
    let journal = journal(&store).await;
    assert_eq!(store.waiting(&journal).await.unwrap().since, None);
    let first = events(&store, &["a"]);
    keep(&store, &journal, &first).await;
    pass(&store, 60);
    keep(&store, &journal, &events(&store, &["b", "c"])).await;
    let waiting = store.waiting(&journal).await.unwrap();
    assert_eq!((waiting.deliveries, waiting.since), (3, Some(first[0].received_at)));
    while file(&store, &journal).await.is_some() {}
    assert_eq!(store.waiting(&journal).await.unwrap(), patchbay_store::Waiting::default());
}
