//! Journals of different ages, in schedules drawn from a seed: two machines, each with a database and a journal, whose files
//! are saved, put back, exchanged and cloned at any moment at which everything is filed. Whatever happens, a delivery that a
//! machine acknowledged is in its database in the end.

use patchbay_domain::{Clock, ObjectKey, event::Envelope};
use patchbay_store::{
    EventFilter, FiledAs, Frame, IdSource, Journal, Keep, NewEvent, PageRequest, Store, StoreOptions,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

const STEPS: usize = 60;
const CONNECTIONS: [&str; 2] = ["stripe", "mux"];

struct Machine {
    store: Store,
    file: PathBuf,
    journal: Journal,
    acknowledged: BTreeSet<String>,
}

pub struct Ages {
    random: StdRng,
    folder: PathBuf,
    machines: [Machine; 2],
    /// Older files, with the machine they are of.
    saved: Vec<PathBuf>,
    named: u32,
    trace: Vec<String>,
}

impl Ages {
    pub async fn new(seed: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("patchbay_ages_{}_{seed}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut random = StdRng::seed_from_u64(seed);
        let machines = [machine(&folder, 0, &mut random).await, machine(&folder, 1, &mut random).await];
        Self { random, folder, machines, saved: Vec::new(), named: 0, trace: Vec::new() }
    }

    pub async fn run(mut self) -> Vec<String> {
        for _ in 0..STEPS {
            let one = self.random.random_range(0..2);
            match self.random.random_range(0..20) {
                0..9 => self.deliver(one).await,
                9..13 => self.file_some(one).await,
                13..15 => self.tidy(one).await,
                15 => self.open_again(one).await,
                16 => self.save(one).await,
                17 => self.put_back(one).await,
                18 => self.exchange().await,
                _ => self.clone_to_the_other(one).await,
            }
        }
        for one in 0..2 {
            self.file_all(one).await;
            let machine = &self.machines[one];
            let stored = stored(&machine.store).await;
            let lost: Vec<&String> = machine.acknowledged.difference(&stored).collect();
            assert!(lost.is_empty(), "machine {one} lost {lost:?} after\n{}", self.trace.join("\n"));
        }
        for machine in &self.machines {
            machine.journal.close().await;
            machine.store.close().await;
        }
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.trace
    }

    fn note(&mut self, step: String) {
        self.trace.push(step);
    }

    async fn deliver(&mut self, one: usize) {
        let count = self.random.random_range(1..6);
        let mut names = Vec::new();
        for _ in 0..count {
            self.named += 1;
            let name = format!("evt_{}", self.named);
            let connection = CONNECTIONS[self.random.random_range(0..2)];
            let machine = &mut self.machines[one];
            let event = event(&machine.store, connection, &name);
            machine.journal.append(&Frame::pack(&[event]).unwrap()).await.unwrap();
            machine.acknowledged.insert(name.clone());
            names.push(name);
        }
        self.note(format!("{one} acknowledges {names:?}"));
    }

    async fn file_some(&mut self, one: usize) {
        let most = self.random.random_range(1..8);
        let gives_up = self.random.random_bool(0.2);
        let machine = &self.machines[one];
        if let Some(filing) = machine.store.begin_filing(&machine.journal, most).await.unwrap()
            && !gives_up
        {
            let outcomes = vec![FiledAs::Pending; filing.events.len()];
            filing.commit(outcomes).await.unwrap();
        }
        self.note(format!("{one} files {most}, gives up: {gives_up}"));
    }

    async fn file_all(&mut self, one: usize) {
        let machine = &self.machines[one];
        while let Some(filing) = machine.store.begin_filing(&machine.journal, 64).await.unwrap() {
            let outcomes = vec![FiledAs::Pending; filing.events.len()];
            filing.commit(outcomes).await.unwrap();
        }
        self.note(format!("{one} files all"));
    }

    async fn tidy(&mut self, one: usize) {
        let machine = &self.machines[one];
        machine.store.clock().advance(Duration::from_hours(self.random.random_range(0..20)));
        machine.store.tidy_journal(&machine.journal).await.unwrap();
        self.note(format!("{one} tidies"));
    }

    async fn open_again(&mut self, one: usize) {
        self.machines[one].journal.close().await;
        self.machines[one].journal = open(&self.machines[one].file, &mut self.random).await;
        // As a server does before it files.
        let machine = &self.machines[one];
        machine.store.note_gaps(&machine.journal).await.unwrap();
        self.note(format!("{one} opens its journal again"));
    }

    async fn save(&mut self, one: usize) {
        self.machines[one].journal.close().await;
        let copy = self.folder.join(format!("saved_{}", self.saved.len()));
        std::fs::copy(&self.machines[one].file, &copy).unwrap();
        self.saved.push(copy);
        self.open_again(one).await;
        self.note(format!("{one} is saved"));
    }

    async fn put_back(&mut self, one: usize) {
        if self.saved.is_empty() {
            return;
        }
        self.file_all(one).await;
        self.machines[one].journal.close().await;
        let number = self.random.random_range(0..self.saved.len());
        std::fs::copy(&self.saved[number], &self.machines[one].file).unwrap();
        self.note(format!("saved file {number} is put in place of {one}"));
        self.open_again(one).await;
    }

    async fn exchange(&mut self) {
        for one in 0..2 {
            self.file_all(one).await;
            self.machines[one].journal.close().await;
        }
        let third = self.folder.join("third");
        std::fs::rename(&self.machines[0].file, &third).unwrap();
        std::fs::rename(&self.machines[1].file, &self.machines[0].file).unwrap();
        std::fs::rename(&third, &self.machines[1].file).unwrap();
        self.note("the journals are exchanged".to_owned());
        for one in 0..2 {
            self.open_again(one).await;
        }
    }

    async fn clone_to_the_other(&mut self, one: usize) {
        let other = 1 - one;
        self.file_all(other).await;
        for machine in &self.machines {
            machine.journal.close().await;
        }
        std::fs::copy(&self.machines[one].file, &self.machines[other].file).unwrap();
        self.note(format!("{other} gets a copy of the journal of {one}"));
        for one in 0..2 {
            self.open_again(one).await;
        }
    }
}

async fn machine(folder: &Path, number: u64, random: &mut StdRng) -> Machine {
    let options = StoreOptions {
        clock: Clock::fixed(crate::schedule::START),
        ids: IdSource::Seeded(random.random()),
        readers: 1,
    };
    let store = Store::connect("sqlite::memory:", options).await.unwrap();
    store.migrate().await.unwrap();
    let file = folder.join(format!("journal_{number}.db"));
    let journal = open(&file, random).await;
    Machine { store, file, journal, acknowledged: BTreeSet::new() }
}

async fn open(file: &Path, random: &mut StdRng) -> Journal {
    let keep = match random.random_range(0..3) {
        0 => Keep::default(),
        1 => Keep { bytes: 0, time: Duration::from_hours(24) },
        _ => Keep { bytes: i64::MAX, time: Duration::from_hours(30) },
    };
    let epoch = Uuid::from_u128(random.random());
    Journal::open_keeping(&format!("sqlite://{}", file.display()), epoch, keep).await.unwrap()
}

fn event(store: &Store, connection: &str, name: &str) -> NewEvent {
    NewEvent {
        id: store.new_id(),
        connection: connection.to_owned(),
        envelope: Envelope {
            external_id: name.to_owned(),
            event_type: "thing.changed".to_owned(),
            object: None::<ObjectKey>,
            occurred_at: crate::schedule::START,
        },
        received_at: store.clock().now(),
        headers: Vec::new(),
        body: name.to_owned().into(),
        request_id: String::new(),
    }
}

async fn stored(store: &Store) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut page = PageRequest { limit: 500, ..PageRequest::default() };
    loop {
        let events = store.list_events(&EventFilter::default(), &page).await.unwrap();
        for event in events.items {
            assert!(names.insert(event.external_id.clone()), "{} is stored twice", event.external_id);
        }
        page.after = events.next;
        if page.after.is_none() {
            return names;
        }
    }
}
