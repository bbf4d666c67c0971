//! What should happen, in plain data: the reference that the store is compared with after every step.

use patchbay_domain::{Timestamp, event::EventState};
use rand::{Rng, rngs::StdRng};
use uuid::Uuid;

/// As `patchbay_engine::backoff::MAX_ATTEMPTS`.
pub const MAX_ATTEMPTS: i64 = 8;
const OBJECTS: usize = 3;

/// What happens to whoever works on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Succeeds,
    /// Fails temporarily so many times, then succeeds.
    FailsFirst(usize),
    FailsTemporarilyForEver,
    FailsPermanently,
}

/// How one attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Processed,
    Retry { due_at: Timestamp },
    Dead,
}

impl Ending {
    pub fn outcome(self) -> &'static str {
        if self == Self::Processed { "processed" } else { "failed" }
    }
}

/// Its number is also the provider's version of its object.
pub struct Event {
    pub object: Option<usize>,
    pub deletes: bool,
    pub fate: Fate,
    pub stored: Option<Stored>,
}

/// What the database should know of an event.
pub struct Stored {
    pub id: Uuid,
    pub received_at: Timestamp,
    pub state: EventState,
    pub due_at: Timestamp,
    pub holder: Option<String>,
    pub attempts: i64,
    pub outcomes: Vec<&'static str>,
    /// Moments of the schedule, which go forward whatever the clock does.
    entered_in_step: u64,
    claimed_in_step: u64,
}

impl Stored {
    fn place(&self) -> (Timestamp, Uuid) {
        (self.received_at, self.id)
    }

    /// Its time has come, or nobody has tried it, or its lease ends later than any lease can.
    fn is_free(&self, now: Timestamp, longest: Timestamp) -> bool {
        self.due_at <= now || self.attempts == 0 || (self.holder.is_some() && self.due_at > longest)
    }

    fn is_pending(&self) -> bool {
        self.state == EventState::Pending
    }
}

pub struct Model {
    pub events: Vec<Event>,
    /// Numbers of the events whose effects were committed, in that order.
    pub applied: Vec<usize>,
    step: u64,
}

impl Model {
    pub fn new(random: &mut StdRng) -> Self {
        let count = random.random_range(4..12);
        let mut events: Vec<Event> = (0..count)
            .map(|_| Event {
                object: random.random_bool(0.85).then(|| random.random_range(0..OBJECTS)),
                deletes: false,
                fate: fate(random),
                stored: None,
            })
            .collect();
        // Nothing happens to an object after its deletion.
        for object in 0..OBJECTS {
            if random.random_bool(0.3)
                && let Some(last) = events.iter_mut().rfind(|event| event.object == Some(object))
            {
                last.deletes = true;
            }
        }
        Self { events, applied: Vec::new(), step: 0 }
    }

    pub fn store(&mut self, number: usize, id: Uuid, received_at: Timestamp) {
        self.step += 1;
        self.events[number].stored = Some(Stored {
            id,
            received_at,
            state: EventState::Pending,
            due_at: received_at,
            holder: None,
            attempts: 0,
            outcomes: Vec::new(),
            entered_in_step: self.step,
            claimed_in_step: 0,
        });
    }

    /// The events that a claim must answer, in order.
    pub fn claim(&mut self, owner: &str, now: Timestamp, lease_end: Timestamp, limit: usize) -> Vec<usize> {
        // Twice a lease: what ends later was given by a clock that has been put back since.
        let longest = lease_end.plus(lease_end.since(now));
        let mut free: Vec<_> = self
            .pending()
            .filter(|(number, stored)| stored.is_free(now, longest) && !self.is_blocked(*number, now, longest))
            .map(|(number, stored)| (stored.place(), number))
            .collect();
        free.sort_unstable();
        free.truncate(limit);
        self.step += 1;
        let step = self.step;
        for (_, number) in &free {
            let stored = self.stored_mut(*number);
            stored.holder = Some(owner.to_owned());
            stored.due_at = lease_end;
            stored.attempts += 1;
            stored.claimed_in_step = step;
        }
        free.into_iter().map(|(_, number)| number).collect()
    }

    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.pending()
            .filter(|(number, _)| !self.is_blocked(*number, now, Timestamp(i64::MAX)))
            .map(|(_, stored)| stored.due_at)
            .min()
    }

    pub fn is_held(&self, number: usize, owner: &str) -> bool {
        let stored = self.stored(number);
        stored.is_pending() && stored.holder.as_deref() == Some(owner)
    }

    /// What a worker finds that tries the event for the `attempts`th time.
    pub fn ending(&self, number: usize, attempts: i64, due_at: Timestamp) -> Ending {
        let temporary = match self.events[number].fate {
            Fate::Succeeds => return Ending::Processed,
            Fate::FailsFirst(times) if self.stored(number).outcomes.len() >= times => return Ending::Processed,
            Fate::FailsFirst(_) | Fate::FailsTemporarilyForEver => true,
            Fate::FailsPermanently => false,
        };
        if temporary && attempts < MAX_ATTEMPTS { Ending::Retry { due_at } } else { Ending::Dead }
    }

    /// An attempt was committed.
    pub fn end(&mut self, number: usize, ending: Ending) {
        self.assert_its_turn(number);
        if ending == Ending::Processed {
            self.applied.push(number);
        }
        let stored = self.stored_mut(number);
        stored.holder = None;
        stored.outcomes.push(ending.outcome());
        match ending {
            Ending::Processed => stored.state = EventState::Processed,
            Ending::Dead => stored.state = EventState::Dead,
            Ending::Retry { due_at } => stored.due_at = due_at,
        }
    }

    pub fn extend(&mut self, numbers: &[usize], owner: &str, due_at: Timestamp) {
        for number in numbers {
            if self.is_held(*number, owner) {
                self.stored_mut(*number).due_at = due_at;
            }
        }
    }

    /// Answers how many were given back.
    pub fn release(&mut self, owner: &str, now: Timestamp) -> u64 {
        let mut released = 0;
        for number in 0..self.events.len() {
            if self.events[number].stored.is_some() && self.is_held(number, owner) {
                let stored = self.stored_mut(number);
                stored.holder = None;
                stored.attempts -= 1;
                stored.due_at = now;
                released += 1;
            }
        }
        released
    }

    /// The order rule, stated apart from how claims achieve it. An event that entered the line in front of one that
    /// somebody held already (the clock went back meanwhile) is the one exception.
    fn assert_its_turn(&self, number: usize) {
        let this = self.stored(number);
        let object = self.events[number].object;
        let overtaken = self.pending().find(|(other, stored)| {
            object.is_some()
                && self.events[*other].object == object
                && stored.place() < this.place()
                && stored.entered_in_step < this.claimed_in_step
        });
        assert!(overtaken.is_none(), "event {number} overtakes event {:?}", overtaken.map(|(other, _)| other));
    }

    fn is_blocked(&self, number: usize, now: Timestamp, longest: Timestamp) -> bool {
        let (object, place) = (self.events[number].object, self.stored(number).place());
        object.is_some()
            && self.pending().any(|(other, stored)| {
                self.events[other].object == object && stored.place() < place && !stored.is_free(now, longest)
            })
    }

    pub fn stored(&self, number: usize) -> &Stored {
        self.events[number].stored.as_ref().expect("only stored events are worked on")
    }

    fn stored_mut(&mut self, number: usize) -> &mut Stored {
        self.events[number].stored.as_mut().expect("only stored events are worked on")
    }

    fn pending(&self) -> impl Iterator<Item = (usize, &Stored)> {
        let stored =
            self.events.iter().enumerate().filter_map(|(number, event)| Some((number, event.stored.as_ref()?)));
        stored.filter(|(_, stored)| stored.is_pending())
    }
}

fn fate(random: &mut StdRng) -> Fate {
    match random.random_range(0..20) {
        0..12 => Fate::Succeeds,
        12..16 => Fate::FailsFirst(random.random_range(1..4)),
        16..18 => Fate::FailsTemporarilyForEver,
        _ => Fate::FailsPermanently,
    }
}
