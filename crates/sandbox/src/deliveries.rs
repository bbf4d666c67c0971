//! Webhooks on their way: signed, posted, tried again until the product says 2xx, and spoiled as the switches say.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hmac::{Hmac, Mac};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::hub::{Hub, lock};
use crate::journal::{self, Entry};
use crate::switches::{Switches, hits};
use crate::{mux, stripe};

/// How often a delivery is tried before the provider gives up.
const TRIES: u32 = 20;
/// How many are sent side by side.
const SIDE_BY_SIDE: usize = 8;

/// Which endpoint of the product a delivery goes to, and whose signature it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Stripe,
    /// Stripe's endpoint for what happens in connected accounts.
    Connect,
    Mux,
}

impl Target {
    fn path(self) -> &'static str {
        match self {
            Self::Stripe | Self::Connect => "/webhooks/stripe",
            Self::Mux => "/webhooks/mux",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Stripe | Self::Connect => "Stripe-Signature",
            Self::Mux => mux::SIGNATURE_HEADER,
        }
    }

    fn sender(self) -> &'static str {
        match self {
            Self::Stripe | Self::Connect => "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            Self::Mux => "Mux-Webhooks",
        }
    }

    fn secret(self) -> &'static str {
        match self {
            Self::Stripe => stripe::WEBHOOK_SECRET,
            Self::Connect => stripe::CONNECT_WEBHOOK_SECRET,
            Self::Mux => mux::WEBHOOK_SECRET,
        }
    }
}

/// One event on its way to the product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub id: String,
    pub target: Target,
    /// Deliveries of one lane leave one after another.
    pub lane: String,
    pub body: String,
    pub attempt: u32,
}

#[derive(Deserialize)]
struct Done {
    done: String,
}

struct Waiting {
    delivery: Delivery,
    due: Instant,
    /// Keeps its turn in its lane; a reordered or repeated one does not.
    in_turn: bool,
    sending: bool,
}

/// The queue.
pub(crate) struct Deliveries {
    client: reqwest::Client,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    delivered: u64,
    given_up: u64,
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub waiting: usize,
    pub delivered: u64,
    pub given_up: u64,
}

impl Deliveries {
    #[expect(
        clippy::disallowed_methods,
        reason = "the stand-ins send from outside of the product, with a client of their own"
    )]
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, queue: Mutex::default(), wake: Notify::new() })
    }

    /// Takes in what an earlier run had not delivered.
    pub(crate) fn read(&self, entry: &Entry) {
        let mut queue = lock(&self.queue);
        if let Ok(done) = serde_json::from_str::<Done>(entry.row.get()) {
            queue.waiting.retain(|_, w| w.delivery.id != done.done);
        } else if let Ok(delivery) = serde_json::from_str::<Delivery>(entry.row.get()) {
            queue.add(delivery, Duration::ZERO, true);
        }
    }

    /// Queues a delivery, as the switches have it; answers the lines to be saved.
    pub(crate) fn push(&self, delivery: Delivery, switches: &Switches) -> Option<String> {
        let line = journal::line("delivery", &delivery);
        let mut queue = lock(&self.queue);
        let late = Duration::from_secs(switches.late.into());
        let mut random = rand::rng();
        if hits(switches.duplicate) {
            let again = late + Duration::from_millis(random.random_range(50..1_500));
            queue.add(delivery.clone(), again, false);
        }
        let shuffle =
            if switches.reorder { Duration::from_millis(random.random_range(0..3_000)) } else { Duration::ZERO };
        queue.add(delivery, late + shuffle, !switches.reorder);
        drop(queue);
        self.wake.notify_one();
        line
    }

    /// The lines of everything that waits.
    pub(crate) fn all_lines(&self) -> impl Iterator<Item = String> {
        let lines: Vec<String> =
            lock(&self.queue).waiting.values().filter_map(|w| journal::line("delivery", &w.delivery)).collect();
        lines.into_iter()
    }

    pub(crate) fn counts(&self) -> Counts {
        let queue = lock(&self.queue);
        Counts { waiting: queue.waiting.len(), delivered: queue.delivered, given_up: queue.given_up }
    }

    /// Whether an event still waits for its delivery.
    pub(crate) fn waits(&self, id: &str) -> bool {
        lock(&self.queue).waiting.values().any(|w| w.delivery.id == id)
    }

    /// What was on its way when sending stopped is sent again.
    fn take_back(&self) {
        lock(&self.queue).waiting.values_mut().for_each(|waiting| waiting.sending = false);
    }

    /// What can be sent now, and when there is more.
    fn due(&self, room: usize) -> (Vec<(u64, Delivery)>, Option<Instant>) {
        let now = Instant::now();
        let mut queue = lock(&self.queue);
        let mut busy: HashSet<String> =
            queue.waiting.values().filter(|w| w.sending && w.in_turn).map(|w| w.delivery.lane.clone()).collect();
        let mut ready = Vec::new();
        let mut next = None;
        for (&seq, waiting) in queue.waiting.iter_mut().filter(|(_, w)| !w.sending) {
            if waiting.due > now {
                next = Some(next.map_or(waiting.due, |n: Instant| n.min(waiting.due)));
                continue;
            }
            if ready.len() == room {
                break;
            }
            if waiting.in_turn && !busy.insert(waiting.delivery.lane.clone()) {
                continue;
            }
            waiting.sending = true;
            ready.push((seq, waiting.delivery.clone()));
        }
        (ready, next)
    }

    /// Notes how an attempt went; answers the line to be saved.
    fn settle(&self, seq: u64, delivered: bool) -> Option<String> {
        let mut queue = lock(&self.queue);
        let waiting = queue.waiting.get_mut(&seq)?;
        waiting.sending = false;
        waiting.delivery.attempt += 1;
        let attempt = waiting.delivery.attempt;
        if !delivered && attempt < TRIES {
            let delay = 1u64 << (attempt - 1).min(6);
            waiting.due = Instant::now() + Duration::from_secs(delay.min(60));
            waiting.in_turn = false;
            return None;
        }
        let id = waiting.delivery.id.clone();
        queue.waiting.remove(&seq);
        if delivered {
            queue.delivered += 1;
        } else {
            queue.given_up += 1;
        }
        let more = queue.waiting.values().any(|w| w.delivery.id == id);
        (!more).then(|| journal::line("delivery", &serde_json::json!({ "done": id }))).flatten()
    }
}

impl Queue {
    fn add(&mut self, delivery: Delivery, after: Duration, in_turn: bool) {
        let seq = self.next;
        self.next += 1;
        let waiting = Waiting { delivery, due: Instant::now() + after, in_turn, sending: false };
        self.waiting.insert(seq, waiting);
    }
}

/// `t=…,v1=…` over the body, keyed with the whole secret.
pub(crate) fn signature(secret: &str, at: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

async fn send(hub: &Hub, delivery: &Delivery) -> bool {
    let target = delivery.target;
    let secret = if hits(hub.switches().tamper) { "whsec_of_somebody_else" } else { target.secret() };
    let answer = hub
        .deliveries
        .client
        .post(format!("{}{}", hub.base, target.path()))
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", target.sender())
        .header(target.header(), signature(secret, hub.now(), &delivery.body))
        .body(delivery.body.clone())
        .send()
        .await;
    match answer {
        Ok(answer) if answer.status().is_success() => true,
        Ok(answer) => {
            tracing::debug!(event = %delivery.id, status = answer.status().as_u16(), "a webhook was not accepted");
            false
        }
        Err(error) => {
            tracing::debug!(event = %delivery.id, %error, "a webhook did not arrive");
            false
        }
    }
}

/// Sends what waits, for ever.
pub(crate) async fn run(hub: Arc<Hub>) {
    hub.deliveries.take_back();
    let mut sending = FuturesUnordered::new();
    loop {
        let (ready, next) = hub.deliveries.due(SIDE_BY_SIDE - sending.len());
        for (seq, delivery) in ready {
            let hub = hub.clone();
            sending.push(async move { (seq, send(&hub, &delivery).await) });
        }
        let pause = next.unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
        tokio::select! {
            Some((seq, delivered)) = sending.next(), if !sending.is_empty() => {
                let line = hub.deliveries.settle(seq, delivered);
                hub.note(&Vec::from_iter(line));
            }
            () = hub.deliveries.wake.notified() => {}
            () = tokio::time::sleep_until(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_providers() {
        let body = r#"{"id":"evt_1","object":"event"}"#;
        assert_eq!(
            signature("whsec_test_secret", 1_700_000_000, body),
            "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"
        );
    }

    #[test]
    fn what_was_on_its_way_when_sending_stopped_is_sent_again() {
        let deliveries = Deliveries::new().unwrap();
        let delivery = Delivery {
            id: "evt_1".to_owned(),
            target: Target::Stripe,
            lane: "cus_1".to_owned(),
            body: "{}".to_owned(),
            attempt: 0,
        };
        lock(&deliveries.queue).add(delivery, Duration::ZERO, true);
        assert_eq!(deliveries.due(SIDE_BY_SIDE).0.len(), 1);
        assert!(deliveries.due(SIDE_BY_SIDE).0.is_empty(), "it is on its way");
        deliveries.take_back();
        assert_eq!(deliveries.due(SIDE_BY_SIDE).0.len(), 1);
    }
}
