//! A journal and a database that come from different times: restored, cloned, rolled back.

use crate::harness::{event, pass};
use patchbay_domain::Clock;
use patchbay_store::{EventFilter, FiledAs, Frame, IdSource, Journal, Keep, PageRequest, Store, StoreOptions};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use uuid::Uuid;

const MOST: i64 = 512;
/// Nothing that is filed stays.
const NOTHING: Keep = Keep { bytes: 0, time: Duration::ZERO };

/// A file of a journal that is gone after the test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        Self(std::env::temp_dir().join(format!("patchbay_journal_{}_{number}.db", std::process::id())))
    }

    /// As it is on disk, while nobody has it open.
    fn copy(&self) -> Self {
        let copy = Self::new();
        std::fs::copy(&self.0, &copy.0).unwrap();
        copy
    }

    /// Puts an older copy in its place.
    fn put_back(&self, older: &Self) {
        std::fs::copy(&older.0, &self.0).unwrap();
    }

    async fn open(&self) -> Journal {
        self.open_keeping(Keep::default()).await
    }

    async fn open_keeping(&self, keep: Keep) -> Journal {
        self.open_as(Uuid::from_u128(rand_u128()), keep).await
    }

    async fn open_as(&self, epoch: Uuid, keep: Keep) -> Journal {
        Journal::open_keeping(&url(&self.0), epoch, keep).await.unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            std::fs::remove_file(format!("{}{end}", self.0.display())).ok();
        }
    }
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// Never twice in a process.
fn rand_u128() -> u128 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::SeqCst)) << 64
}

/// Deliveries, each acknowledged by itself.
async fn acknowledge(store: &Store, journal: &Journal, names: &[&str]) {
    for name in names {
        journal.append(&Frame::pack(&[event(store, name, "thing.changed", Some(name))]).unwrap()).await.unwrap();
    }
}

/// Files all there is; answers the new ones.
async fn file_all(store: &Store, journal: &Journal) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(filing) = store.begin_filing(journal, MOST).await.unwrap() {
        names.extend(filing.events.iter().map(|event| event.envelope.external_id.clone()));
        let outcomes = vec![FiledAs::Pending; filing.events.len()];
        filing.commit(outcomes).await.unwrap();
    }
    assert_eq!(store.unfiled(journal).await.unwrap(), 0);
    names
}

async fn another_database(store: &Store) -> Store {
    let options = StoreOptions { clock: store.clock().clone(), ids: IdSource::Seeded(2), readers: 1 };
    let other = Store::connect("sqlite::memory:", options).await.unwrap();
    other.migrate().await.unwrap();
    other
}

async fn stored(store: &Store) -> Vec<String> {
    let page = PageRequest { limit: 500, ..PageRequest::default() };
    let events = store.list_events(&EventFilter::default(), &page).await.unwrap().items;
    let mut names: Vec<String> = events.into_iter().map(|event| event.external_id).collect();
    names.sort();
    names
}

pub async fn an_older_inbox_beside_a_newer_database_loses_nothing(store: Store) {
    let file = File::new();
    let journal = file.open().await;
    acknowledge(&store, &journal, &["a", "b"]).await;
    assert_eq!(file_all(&store, &journal).await, ["a", "b"]);
    journal.close().await;
    let older = file.copy();
    let journal = file.open().await;
    acknowledge(&store, &journal, &["c", "d", "e", "f"]).await;
    assert_eq!(file_all(&store, &journal).await, ["c", "d", "e", "f"]);
    journal.close().await;
    file.put_back(&older);
    let journal = file.open().await;
    acknowledge(&store, &journal, &["g", "h"]).await;
    store.tidy_journal(&journal).await.unwrap();
    assert_eq!(store.unfiled(&journal).await.unwrap(), 2);
    assert_eq!(file_all(&store, &journal).await, ["g", "h"]);
    assert_eq!(stored(&store).await, ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

pub async fn copies_of_one_inbox_are_filed_into_one_database(store: Store) {
    let file = File::new();
    let journal = file.open().await;
    acknowledge(&store, &journal, &["a"]).await;
    journal.close().await;
    let copy = file.copy();
    let (one, two) = (file.open().await, copy.open().await);
    acknowledge(&store, &one, &["one_1", "one_2", "one_3"]).await;
    acknowledge(&store, &two, &["two_1", "two_2", "two_3"]).await;
    assert_eq!(file_all(&store, &one).await, ["a", "one_1", "one_2", "one_3"]);
    assert_eq!(file_all(&store, &two).await, ["two_1", "two_2", "two_3"]);
    acknowledge(&store, &one, &["one_4"]).await;
    store.tidy_journal(&two).await.unwrap();
    store.tidy_journal(&one).await.unwrap();
    assert_eq!(file_all(&store, &one).await, ["one_4"]);
}

pub async fn two_processes_on_one_inbox_lose_nothing_and_keep_the_order(store: Store) {
    let file = File::new();
    let (one, two) = (file.open().await, file.open().await);
    for number in 0..4 {
        acknowledge(&store, &one, &[&format!("{number}_one")]).await;
        acknowledge(&store, &two, &[&format!("{number}_two")]).await;
    }
    let filing = store.begin_filing(&two, 3).await.unwrap().unwrap();
    let names: Vec<&str> = filing.events.iter().map(|event| event.envelope.external_id.as_str()).collect();
    assert_eq!(names, ["0_one", "0_two", "1_one"]);
    let outcomes = vec![FiledAs::Pending; 3];
    filing.commit(outcomes).await.unwrap();
    assert_eq!(file_all(&store, &one).await, ["1_two", "2_one", "2_two", "3_one", "3_two"]);
    assert_eq!(file_all(&store, &two).await, Vec::<String>::new());
}

pub async fn a_machine_set_back_while_it_runs_begins_another_epoch(store: Store) {
    let (file, epoch) = (File::new(), Uuid::from_u128(rand_u128()));
    let journal = file.open_as(epoch, Keep::default()).await;
    journal.close().await;
    let older = file.copy();
    let journal = file.open_as(epoch, Keep::default()).await;
    acknowledge(&store, &journal, &["a", "b", "c"]).await;
    file_all(&store, &journal).await;
    // Its memory is set back together with its disk, and does not know.
    let set_back = older.open_as(epoch, Keep::default()).await;
    acknowledge(&store, &set_back, &["d"]).await;
    assert_eq!(file_all(&store, &set_back).await, ["d"]);
    acknowledge(&store, &set_back, &["e", "f"]).await;
    assert_eq!(file_all(&store, &set_back).await, ["e", "f"]);
}

pub async fn an_older_database_gets_again_what_the_inbox_still_has(store: Store) {
    let file = File::new();
    let journal = file.open().await;
    acknowledge(&store, &journal, &["a", "b"]).await;
    file_all(&store, &journal).await;
    store.tidy_journal(&journal).await.unwrap();
    journal.close().await;
    let journal = file.open().await;
    acknowledge(&store, &journal, &["c"]).await;
    file_all(&store, &journal).await;
    let older = another_database(&store).await;
    assert_eq!(older.unfiled(&journal).await.unwrap(), 3);
    assert_eq!(older.note_gaps(&journal).await.unwrap(), []);
    assert_eq!(file_all(&older, &journal).await, ["a", "b", "c"]);
}

pub async fn what_an_older_database_does_not_get_again_is_told_once(store: Store) {
    let file = File::new();
    let journal = file.open_keeping(NOTHING).await;
    let start = store.clock().now();
    acknowledge(&store, &journal, &["a"]).await;
    pass(&store, 60);
    acknowledge(&store, &journal, &["b"]).await;
    let until = store.clock().now();
    file_all(&store, &journal).await;
    pass(&store, 60);
    store.tidy_journal(&journal).await.unwrap();
    assert_eq!(store.note_gaps(&journal).await.unwrap(), []);
    journal.close().await;
    let journal = file.open_keeping(NOTHING).await;
    // It has the first one, as an older copy would.
    let older = another_database(&store).await;
    let first = patchbay_store::NewEvent { received_at: start, ..event(&store, "a", "thing.changed", Some("a")) };
    older.insert_events(&[first]).await.unwrap();
    assert_eq!(older.gaps(&journal).await.unwrap().len(), 1);
    let gaps = older.note_gaps(&journal).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].connection.as_str(), gaps[0].from, gaps[0].until), ("stripe", Some(start), until));
    assert_eq!(older.note_gaps(&journal).await.unwrap(), []);
    let noted = older.noted_gaps(Duration::from_secs(1)).await.unwrap();
    assert_eq!(noted, [(older.clock().now(), gaps[0].clone())]);
    acknowledge(&store, &journal, &["c"]).await;
    assert_eq!(file_all(&older, &journal).await, ["c"]);
}

pub async fn what_is_filed_leaves_the_inbox_when_it_is_old_or_too_much(store: Store) {
    let file = File::new();
    let journal = file.open_keeping(Keep { bytes: i64::MAX, time: Duration::from_hours(1) }).await;
    acknowledge(&store, &journal, &["a"]).await;
    pass(&store, 3_000);
    acknowledge(&store, &journal, &["b"]).await;
    file_all(&store, &journal).await;
    acknowledge(&store, &journal, &["not_filed"]).await;
    pass(&store, 1_000);
    store.tidy_journal(&journal).await.unwrap();
    let fresh = another_database(&store).await;
    assert_eq!(file_all(&fresh, &journal).await, ["b", "not_filed"]);
    journal.close().await;
    let journal = file.open_keeping(Keep { bytes: 0, time: Duration::from_hours(100) }).await;
    store.tidy_journal(&journal).await.unwrap();
    let fresh = another_database(&store).await;
    assert_eq!(file_all(&fresh, &journal).await, ["not_filed"]);
}

pub async fn epochs_that_are_over_are_not_remembered_for_ever(store: Store) {
    let file = File::new();
    for name in ["a", "b", "c", "d"] {
        let journal = file.open_keeping(NOTHING).await;
        acknowledge(&store, &journal, &[name]).await;
        file_all(&store, &journal).await;
        pass(&store, 1);
        store.tidy_journal(&journal).await.unwrap();
        journal.close().await;
    }
    let journal = file.open_keeping(NOTHING).await;
    store.tidy_journal(&journal).await.unwrap();
    assert_eq!(store.note_gaps(&journal).await.unwrap(), []);
    // Against a database that knows nothing, one epoch tells what is missing.
    let fresh = another_database(&store).await;
    assert_eq!(fresh.note_gaps(&journal).await.unwrap().len(), 1);
    assert_eq!(stored(&store).await, ["a", "b", "c", "d"]);
}

pub async fn a_schema_is_looked_at_without_changing_it(store: Store) {
    assert_eq!(store.schema().await.unwrap(), patchbay_store::Schema::Current);
    let options = StoreOptions { clock: Clock::System, ids: IdSource::Random, readers: 1 };
    let empty = Store::connect("sqlite::memory:", options).await.unwrap();
    for _ in 0..2 {
        let schema = empty.schema().await.unwrap();
        assert!(matches!(schema, patchbay_store::Schema::Older { missing, of } if missing == of), "{schema:?}");
    }
    let refused = empty.require_current_schema().await.unwrap_err().to_string();
    assert!(refused.contains("patchbay migrate"), "{refused}");
}
