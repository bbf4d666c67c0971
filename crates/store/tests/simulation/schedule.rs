//! One schedule: who does what when, drawn from a seed, and what must hold after it.

use crate::model::{Ending, Fate, MAX_ATTEMPTS, Model};
use patchbay_domain::{
    Change, Clock, Index, Kind, ObjectKey, Source, State, Timestamp, Version,
    event::{Envelope, EventState},
    kind::{Ids, Rules},
};
use patchbay_store::{AttemptOutcome, ClaimedEvent, EventFilter, Lane, NewEvent, PageRequest, Store, WriteTx};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

pub const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
const LEASE: Duration = Duration::from_mins(1);
const WORKERS: usize = 3;
const STEPS: usize = 30;
/// Far more than any schedule needs to come to its end.
const ROUNDS: usize = 2_000;
/// Follows the provider's versions, as records do.
const MIRROR: Kind = Kind::new("mirror");
/// Collects the numbers of all events, whatever their order.
const PARTS: Kind = Kind::new("parts");
/// Every third event deletes it, and the next one brings it back.
const REUSED: Kind = Kind::new("reused");
/// Takes every effect as the next version: its history is the list of effects in the order they happened.
const LEDGER: Kind = Kind::new("ledger");

pub fn rules(kind: &Kind) -> Rules {
    match kind {
        kind if *kind == PARTS => Rules::partial(add_up),
        kind if *kind == REUSED => Rules { ids: Ids::Reused, ..Rules::WHOLE },
        _ => Rules::WHOLE,
    }
}

fn add_up(held: &Value, told: &Value) -> Result<(Index, Value), serde_json::Error> {
    let mut both: BTreeSet<usize> = serde_json::from_value(held["numbers"].clone())?;
    both.extend(serde_json::from_value::<BTreeSet<usize>>(told["numbers"].clone())?);
    Ok((Index::default(), json!({ "numbers": both })))
}

fn is_gone(number: usize) -> bool {
    number.is_multiple_of(3)
}

/// A worker between two of its steps. After a crash it goes on as another, with another name.
struct Worker {
    name: String,
    batch: Vec<(usize, ClaimedEvent)>,
    /// It left events alone that stand behind one that failed.
    left_some: bool,
}

pub struct Schedule<'a> {
    store: &'a Store,
    seed: u64,
    random: StdRng,
    connection: String,
    model: Model,
    /// Numbers of events, the next one last; some come twice.
    deliveries: Vec<usize>,
    workers: Vec<Worker>,
    named: usize,
    effects: i64,
    trace: Vec<String>,
}

impl Drop for Schedule<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            eprintln!("{}\nseed {seed} failed. Again, alone: PATCHBAY_SIM_SEED={seed}", self.trace.join("\n"));
        }
    }
}

impl<'a> Schedule<'a> {
    pub fn new(store: &'a Store, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let model = Model::new(&mut random);
        let mut deliveries: Vec<usize> = (0..model.events.len()).collect();
        for _ in 0..model.events.len() / 2 {
            deliveries.push(random.random_range(0..model.events.len()));
        }
        deliveries.shuffle(&mut random);
        let mut schedule = Self {
            store,
            seed,
            random,
            connection: format!("sim-{seed}-{}", store.new_id()),
            model,
            deliveries,
            workers: Vec::new(),
            named: 0,
            effects: 0,
            trace: Vec::new(),
        };
        schedule.set_clock(START);
        for _ in 0..WORKERS {
            let worker = schedule.new_worker();
            schedule.workers.push(worker);
        }
        schedule
    }

    /// Answers what was done, step by step.
    pub async fn run(mut self) -> Vec<String> {
        for _ in 0..STEPS {
            let worker = self.random.random_range(0..WORKERS);
            match self.random.random_range(0..20) {
                0..5 => self.deliver().await,
                5..7 => self.pass_time(),
                7 => self.step_the_clock_back(),
                _ => self.let_work(worker).await,
            }
        }
        self.finish_everything().await;
        self.check_the_end().await;
        std::mem::take(&mut self.trace)
    }

    async fn let_work(&mut self, worker: usize) {
        if self.workers[worker].batch.is_empty() {
            return self.claim(worker).await;
        }
        match self.random.random_range(0..10) {
            0 => self.crash(worker, "before it writes"),
            1 => self.crash_while_writing(worker).await,
            2 => self.extend(worker).await,
            3 => self.release(worker).await,
            4..7 => self.write(worker, 1).await,
            _ => self.write(worker, usize::MAX).await,
        }
    }

    async fn deliver(&mut self) {
        let count = self.random.random_range(1..4).min(self.deliveries.len());
        let numbers = self.deliveries.split_off(self.deliveries.len() - count);
        let now = self.now();
        let events: Vec<NewEvent> = numbers.iter().map(|number| self.delivery(*number, now)).collect();
        let new = self.store.insert_events(&events).await.unwrap();
        for ((number, event), new) in numbers.iter().zip(&events).zip(new) {
            assert_eq!(new, self.model.events[*number].stored.is_none(), "event {number} is new once");
            if new {
                self.model.store(*number, event.id, now);
            }
        }
        self.note(&format!("deliver {numbers:?}"));
    }

    fn delivery(&self, number: usize, received_at: Timestamp) -> NewEvent {
        let object = self.model.events[number].object.map(|object| ObjectKey::new(MIRROR, object.to_string()));
        NewEvent {
            id: self.store.new_id(),
            connection: self.connection.clone(),
            envelope: Envelope {
                external_id: format!("evt_{number}"),
                event_type: "thing.changed".to_owned(),
                object,
                occurred_at: START,
            },
            received_at,
            headers: Vec::new(),
            body: number.to_string().into(),
            request_id: String::new(),
        }
    }

    async fn claim(&mut self, worker: usize) {
        let limit = self.random.random_range(1..6);
        let (now, owner) = (self.now(), self.workers[worker].name.clone());
        let claimed = self.store.claim_events(Lane::All, &owner, LEASE, limit).await.unwrap();
        let batch: Vec<(usize, ClaimedEvent)> = claimed.into_iter().map(|event| (number_of(&event), event)).collect();
        let numbers: Vec<usize> = batch.iter().map(|(number, _)| *number).collect();
        let expected = self.model.claim(&owner, now, now.plus(LEASE), limit as usize);
        assert_eq!(numbers, expected, "{owner} claims at {now:?}");
        for (number, event) in &batch {
            assert_eq!(event.attempts, self.model.stored(*number).attempts, "attempts of event {number}");
        }
        self.workers[worker].batch = batch;
        self.note(&format!("{owner} claims {numbers:?}"));
    }

    /// Writes the first `count` events of the worker's batch in one transaction, as long as it holds them.
    async fn write(&mut self, worker: usize, count: usize) {
        let owner = self.workers[worker].name.clone();
        let mut batch = std::mem::take(&mut self.workers[worker].batch);
        let mut later = batch.split_off(count.min(batch.len()));
        let mut failed: BTreeSet<usize> = BTreeSet::new();
        let mut endings = Vec::new();
        let mut tx = self.store.begin().await.unwrap();
        for (number, event) in &batch {
            if self.model.events[*number].object.is_some_and(|object| failed.contains(&object)) {
                self.workers[worker].left_some = true;
                continue;
            }
            let Some(ending) = self.write_one(&mut tx, &owner, *number, event).await else {
                tx.rollback().await.unwrap();
                return self.note(&format!("{owner} lost event {number} and writes nothing"));
            };
            if let (Ending::Retry { .. }, Some(object)) = (ending, self.model.events[*number].object) {
                failed.insert(object);
            }
            endings.push((*number, ending));
        }
        tx.commit().await.unwrap();
        for (number, ending) in &endings {
            self.model.end(*number, *ending);
        }
        self.note(&format!("{owner} writes {endings:?}"));
        let before = later.len();
        later.retain(|(number, _)| !self.model.events[*number].object.is_some_and(|object| failed.contains(&object)));
        self.workers[worker].left_some |= later.len() < before;
        self.workers[worker].batch = later;
        if self.workers[worker].batch.is_empty() && self.workers[worker].left_some {
            self.release(worker).await;
        }
    }

    /// `None` when somebody else holds the event.
    async fn write_one(
        &mut self,
        tx: &mut WriteTx,
        owner: &str,
        number: usize,
        event: &ClaimedEvent,
    ) -> Option<Ending> {
        let due_at = self.now().plus(Duration::from_secs(self.random.random_range(1..90)));
        let ending = self.model.ending(number, event.attempts, due_at);
        if ending == Ending::Processed {
            self.apply(tx, number, event).await;
        }
        let attempt = AttemptOutcome {
            started_at: self.now(),
            duration_us: 1,
            outcome: ending.outcome().to_owned(),
            error: (ending != Ending::Processed).then(|| "it broke".to_owned()),
        };
        let held = match ending {
            Ending::Processed => tx.finish_event(event.id, owner, EventState::Processed, &attempt).await,
            Ending::Dead => tx.finish_event(event.id, owner, EventState::Dead, &attempt).await,
            Ending::Retry { due_at } => tx.retry_event(event.id, owner, due_at, &attempt).await,
        };
        let held = held.unwrap();
        assert_eq!(held, self.model.is_held(number, owner), "whether {owner} may write event {number}");
        held.then_some(ending)
    }

    async fn apply(&mut self, tx: &mut WriteTx, number: usize, event: &ClaimedEvent) {
        self.effects += 1;
        let source = Source::Event { id: event.id.to_string() };
        let ledger = present(ledger_of(self.model.events[number].object), self.effects, number);
        tx.apply(&self.connection, &ledger, &source, None).await.unwrap();
        if let Some(key) = event.object.clone() {
            let version = version_of(number);
            let change = if self.model.events[number].deletes {
                Change::deleted(key, Version(version))
            } else {
                present(key, version, number)
            };
            tx.apply(&self.connection, &change, &source, None).await.unwrap();
        }
        if let Some(object) = self.model.events[number].object {
            let key = |kind| ObjectKey::new(kind, object.to_string());
            let version = Version(version_of(number));
            let state = State::Present { index: Index::default(), body: json!({ "numbers": [number] }) };
            let part = Change { key: key(PARTS), version, state };
            let reused = if is_gone(number) {
                Change::deleted(key(REUSED), version)
            } else {
                present(key(REUSED), version.0, number)
            };
            for change in [part, reused] {
                tx.apply(&self.connection, &change, &source, None).await.unwrap();
            }
        }
    }

    fn crash(&mut self, worker: usize, when: &str) {
        let next = self.new_worker();
        let crashed = std::mem::replace(&mut self.workers[worker], next);
        self.note(&format!("{} crashes {when}", crashed.name));
    }

    async fn crash_while_writing(&mut self, worker: usize) {
        let owner = self.workers[worker].name.clone();
        let (number, event) = self.workers[worker].batch[0].clone();
        let mut tx = self.store.begin().await.unwrap();
        self.write_one(&mut tx, &owner, number, &event).await;
        drop(tx);
        self.crash(worker, "before it commits");
    }

    async fn extend(&mut self, worker: usize) {
        let Worker { name, batch, .. } = &self.workers[worker];
        let ids: Vec<_> = batch.iter().map(|(_, event)| event.id).collect();
        let numbers: Vec<usize> = batch.iter().map(|(number, _)| *number).collect();
        self.store.extend_lease(&ids, name, LEASE).await.unwrap();
        self.model.extend(&numbers, name, self.now().plus(LEASE));
        self.note(&format!("{} keeps {numbers:?}", self.workers[worker].name));
    }

    async fn release(&mut self, worker: usize) {
        let now = self.now();
        let this = &mut self.workers[worker];
        this.batch.clear();
        this.left_some = false;
        let released = self.store.release_leases(&this.name).await.unwrap();
        assert_eq!(released, self.model.release(&this.name, now));
        self.note(&format!("{} gives {released} back", self.workers[worker].name));
    }

    fn pass_time(&mut self) {
        let seconds = [1, 20, 59, 60, 61, 300][self.random.random_range(0..6)];
        self.set_clock(self.now().plus(Duration::from_secs(seconds)));
        self.note(&format!("{seconds} s pass"));
    }

    fn step_the_clock_back(&mut self) {
        let seconds = self.random.random_range(1..100);
        self.set_clock(self.now().minus(Duration::from_secs(seconds)));
        self.note(&format!("the clock goes back by {seconds} s"));
    }

    /// No more accidents: everything is delivered, and the workers go on until nothing is pending.
    async fn finish_everything(&mut self) {
        while !self.deliveries.is_empty() {
            self.deliver().await;
        }
        for _ in 0..ROUNDS {
            let mut idle = true;
            for worker in 0..WORKERS {
                if self.workers[worker].batch.is_empty() {
                    self.claim(worker).await;
                }
                if !self.workers[worker].batch.is_empty() {
                    idle = false;
                    let count = if self.random.random_bool(0.5) { 1 } else { usize::MAX };
                    self.write(worker, count).await;
                }
            }
            let next = self.store.next_due(Lane::All).await.unwrap();
            assert_eq!(next, self.model.next_due(self.now()), "when the next event is due");
            match next {
                None => return,
                Some(due_at) if idle => self.set_clock(due_at.max(self.now())),
                Some(_) => {}
            }
        }
        panic!("events are still pending after {ROUNDS} rounds");
    }

    async fn check_the_end(&self) {
        let all = PageRequest { limit: 100, ..PageRequest::default() };
        let filter = EventFilter { connection: Some(self.connection.clone()), ..EventFilter::default() };
        let kept = self.store.list_events(&filter, &all).await.unwrap().items.len();
        assert_eq!(kept, self.model.events.len(), "every event is kept once");
        for (number, event) in self.model.events.iter().enumerate() {
            let expected = self.model.stored(number);
            let detail = self.store.event(expected.id).await.unwrap().unwrap();
            let outcomes: Vec<&str> = detail.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
            assert_eq!(detail.summary.state, expected.state, "state of event {number}");
            assert_eq!(detail.summary.attempts, expected.attempts, "attempts of event {number}");
            assert_eq!(outcomes, expected.outcomes, "outcomes of event {number}");
            let worn_out = detail.summary.attempts >= MAX_ATTEMPTS;
            let may_die = match event.fate {
                Fate::Succeeds => false,
                Fate::FailsFirst(_) | Fate::FailsTemporarilyForEver => worn_out,
                Fate::FailsPermanently => true,
            };
            let must_die = matches!(event.fate, Fate::FailsTemporarilyForEver | Fate::FailsPermanently);
            let is_dead = detail.summary.state == EventState::Dead;
            assert!(if is_dead { may_die } else { !must_die }, "event {number}: dead is {is_dead}");
        }
        let objects: BTreeSet<Option<usize>> = self.model.events.iter().map(|event| event.object).collect();
        for object in objects {
            self.check_effects(object).await;
        }
    }

    async fn check_effects(&self, object: Option<usize>) {
        let all = PageRequest { limit: 100, ..PageRequest::default() };
        let of_object = |number: &&usize| self.model.events[**number].object == object;
        let expected: Vec<usize> = self.model.applied.iter().filter(of_object).copied().collect();
        let mut ledger = self.store.history(&self.connection, &ledger_of(object), &all).await.unwrap().items;
        // Not by time: the clock went back and forth.
        ledger.sort_by_key(|entry| entry.version);
        let effects: Vec<usize> = ledger
            .iter()
            .filter_map(|entry| entry.body_after.as_ref()?["number"].as_u64())
            .map(|number| usize::try_from(number).unwrap())
            .collect();
        assert_eq!(effects, expected, "effects on {object:?}, in order");
        assert_eq!(effects.iter().collect::<BTreeSet<_>>().len(), effects.len(), "no effect twice");
        let Some(object) = object else { return };
        let key = ObjectKey::new(MIRROR, object.to_string());
        let record = self.store.record(&self.connection, &key).await.unwrap();
        let newest = expected.iter().max().copied();
        assert_eq!(record.as_ref().map(|record| record.version), newest.map(version_of), "version of {key}");
        if let (Some(record), Some(newest)) = (record, newest) {
            assert_eq!(record.deleted, self.model.events[newest].deletes, "whether {key} is gone");
            assert!(record.deleted || record.body["number"] == newest, "content of {key}");
        }
        if let Some(newest) = newest {
            self.check_rules(object, &expected, newest).await;
        }
    }

    async fn check_rules(&self, object: usize, applied: &[usize], newest: usize) {
        let record = async |kind| {
            let key = ObjectKey::new(kind, object.to_string());
            self.store.record(&self.connection, &key).await.unwrap().expect("a record of every kind")
        };
        let (parts, reused) = (record(PARTS).await, record(REUSED).await);
        let all: BTreeSet<usize> = applied.iter().copied().collect();
        assert_eq!(parts.body, json!({ "numbers": all }), "every part of object {object}");
        assert_eq!((reused.version, reused.deleted), (version_of(newest), is_gone(newest)), "reused id {object}");
        assert!(reused.deleted || reused.body["number"] == newest, "content of reused id {object}");
    }

    fn new_worker(&mut self) -> Worker {
        self.named += 1;
        Worker { name: format!("worker-{}", self.named), batch: Vec::new(), left_some: false }
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    fn set_clock(&self, to: Timestamp) {
        if let Clock::Fixed(micros) = self.store.clock() {
            micros.store(to.micros(), Ordering::SeqCst);
        }
    }

    fn note(&mut self, step: &str) {
        let at = self.now().micros() - START.micros();
        self.trace.push(format!("{:>6} s  {step}", at / 1_000_000));
    }
}

fn number_of(event: &ClaimedEvent) -> usize {
    std::str::from_utf8(&event.body).unwrap().parse().unwrap()
}

fn version_of(number: usize) -> i64 {
    i64::try_from(number).unwrap() + 1
}

fn ledger_of(object: Option<usize>) -> ObjectKey {
    ObjectKey::new(LEDGER, object.map_or("none".to_owned(), |object| object.to_string()))
}

fn present(key: ObjectKey, version: i64, number: usize) -> Change {
    let index = Index { title: number.to_string(), status: "live".to_owned(), created_at: START, ..Index::default() };
    Change { key, version: Version(version), state: State::Present { index, body: json!({ "number": number }) } }
}
