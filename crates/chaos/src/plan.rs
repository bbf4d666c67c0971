//! What is sent in a round: everything follows from the seed.

use patchbay_bench::product::SECOND_CONNECTION;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;

/// The second of the provider's first version. One second per version, so that no two versions of an object tie.
const FIRST_SECOND: i64 = 1_790_000_000;
/// Of a hundred events, so many are delivered a second time, at any moment.
const DUPLICATED: u32 = 12;
/// Of a hundred events, beside so many something forged is delivered.
const FORGED: u32 = 6;
/// Of a hundred events, so many are sent once and not again when nobody acknowledges them.
const SENT_ONCE: u32 = 3;
/// One object in so many is of the second connection's account.
const QUIET: usize = 5;
/// Of a hundred objects, so many end deleted.
const DELETED: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Customer,
    Subscription,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Subscription => "subscription",
        }
    }
}

/// One event as the provider made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    /// Of Patchbay, that it is delivered to.
    pub connection: &'static str,
    pub kind: Kind,
    pub object: String,
    /// Of the object, from 1.
    pub number: i64,
    /// Whether the object ends with it.
    pub deletes: bool,
}

impl Event {
    /// The version as records and history carry it: microseconds.
    pub fn version(&self) -> i64 {
        (FIRST_SECOND + self.number) * 1_000_000
    }

    /// Text that only this version of the object contains.
    pub fn mark(&self) -> String {
        format!("{} at {}.", self.object, self.number)
    }

    pub fn body(&self) -> Vec<u8> {
        let (event_type, mark) = (self.event_type(), self.mark());
        let object = match self.kind {
            Kind::Customer => json!({
                "id": self.object, "object": "customer", "name": mark, "email": "billing@northwind.example", "balance": 0,
                "currency": "eur", "delinquent": self.number % 3 == 0, "livemode": false, "created": FIRST_SECOND,
                "invoice_settings": { "default_payment_method": null }, "metadata": { "usage_videos": self.number.to_string() },
            }),
            Kind::Subscription => json!({
                "id": self.object, "object": "subscription", "customer": "cus_of_all", "currency": "eur",
                "status": if self.number % 2 == 0 { "active" } else { "past_due" }, "livemode": false,
                "created": FIRST_SECOND, "start_date": FIRST_SECOND, "items": { "object": "list", "data": [] },
                "latest_invoice": mark, "metadata": {},
            }),
        };
        let event = json!({
            "id": self.id, "object": "event", "api_version": "2026-10-28.endive", "created": FIRST_SECOND + self.number,
            "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
            "type": event_type, "data": { "object": object },
        });
        event.to_string().into_bytes()
    }

    fn event_type(&self) -> &'static str {
        match (self.kind, self.number, self.deletes) {
            (Kind::Customer, _, true) => "customer.deleted",
            (Kind::Customer, 1, _) => "customer.created",
            (Kind::Customer, ..) => "customer.updated",
            (Kind::Subscription, 1, _) => "customer.subscription.created",
            (Kind::Subscription, ..) => "customer.subscription.updated",
        }
    }
}

/// What is wrong with a delivery that nobody may take for genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// The body was changed after it was signed.
    ChangedBody,
    /// Signed with another secret.
    WrongSecret,
    /// An event that the provider never made, signed with another secret.
    Invented,
    /// Signed two days ago: a recording.
    Recording,
    Unsigned,
    /// Genuine, and no event.
    NotAnEvent,
}

const FORGERIES: [Forgery; 6] = [
    Forgery::ChangedBody,
    Forgery::WrongSecret,
    Forgery::Invented,
    Forgery::Recording,
    Forgery::Unsigned,
    Forgery::NotAnEvent,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// `again`: sent until it is acknowledged.
    Genuine {
        again: bool,
    },
    Duplicate,
    Forged(Forgery),
}

/// One delivery: of which event, and in what shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Index into [`Plan::events`].
    pub event: usize,
    pub what: What,
}

/// How much a round sends.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub objects: usize,
    /// Versions of each object.
    pub versions: i64,
}

pub struct Plan {
    pub events: Vec<Event>,
    /// In the order of the first try.
    pub deliveries: Vec<Delivery>,
}

impl Plan {
    pub fn new(size: Size, random: &mut StdRng) -> Self {
        let objects: Vec<(&'static str, Kind, String, bool)> = (0..size.objects)
            .map(|number| {
                let connection = if number % QUIET == 0 { SECOND_CONNECTION } else { "stripe" };
                match number % 4 {
                    0 => (connection, Kind::Subscription, format!("sub_{number}"), false),
                    _ => (connection, Kind::Customer, format!("cus_{number}"), random.random_ratio(DELETED, 100)),
                }
            })
            .collect();
        let mut events = Vec::new();
        for number in 1..=size.versions {
            for (connection, kind, object, ends) in &objects {
                let id = format!("evt_{object}_{number}");
                let deletes = *ends && number == size.versions;
                events.push(Event { id, connection, kind: *kind, object: object.clone(), number, deletes });
            }
        }
        // Each delivery gets a place near its event's, so that versions of one object overtake each other.
        let near = size.objects * 3;
        let anywhere = events.len();
        let mut places = Vec::new();
        for event in 0..events.len() {
            let again = !random.random_ratio(SENT_ONCE, 100);
            places.push((event + random.random_range(0..near), Delivery { event, what: What::Genuine { again } }));
            if random.random_ratio(DUPLICATED, 100) {
                let place = random.random_range(event..anywhere);
                places.push((place, Delivery { event, what: What::Duplicate }));
            }
            if random.random_ratio(FORGED, 100) {
                let forgery = FORGERIES.choose(random).copied().unwrap_or(Forgery::Unsigned);
                let place = random.random_range(0..anywhere);
                places.push((place, Delivery { event, what: What::Forged(forgery) }));
            }
        }
        places.sort_by_key(|(place, _)| *place);
        Self { events, deliveries: places.into_iter().map(|(_, delivery)| delivery).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn plan(seed: u64) -> Plan {
        Plan::new(Size { objects: 100, versions: 10 }, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_seed_makes_one_plan() {
        assert_eq!(plan(1).deliveries, plan(1).deliveries);
        assert_ne!(plan(1).deliveries, plan(2).deliveries);
    }

    #[test]
    fn a_plan_holds_every_event_with_duplicates_forgeries_and_disorder() {
        let plan = plan(3);
        let of = |wanted: fn(What) -> bool| plan.deliveries.iter().filter(|delivery| wanted(delivery.what)).count();
        assert_eq!(of(|what| matches!(what, What::Genuine { .. })), plan.events.len());
        assert!(of(|what| what == What::Duplicate) > 50);
        assert!(of(|what| matches!(what, What::Forged(_))) > 20);
        let of_one: Vec<i64> = plan
            .deliveries
            .iter()
            .map(|delivery| &plan.events[delivery.event])
            .filter(|event| event.object == "cus_1")
            .map(|event| event.number)
            .collect();
        assert!(!of_one.is_sorted());
    }
}
