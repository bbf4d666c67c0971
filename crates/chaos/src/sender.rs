//! The provider: many connections that send until nothing waits.

use crate::{
    ledger::{Ledger, Moment, request_id},
    plan::{Delivery, Event, Forgery, Plan, What},
};
use patchbay_bench::{
    Failure,
    events::{WEBHOOK_SECRET, request, sign},
    load::Line,
};
use patchbay_domain::Clock;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};

const CONNECTIONS: usize = 24;
/// How long an answer may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before the next try on a connection that was refused or cut.
const PAUSE: Duration = Duration::from_millis(50);
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Between a recording and its use, in seconds.
const RECORDED: i64 = 2 * 24 * 60 * 60;

struct State {
    waiting: VecDeque<Delivery>,
    ledger: Ledger,
}

#[derive(Clone)]
pub struct Sender {
    address: SocketAddr,
    plan: Arc<Plan>,
    state: Arc<Mutex<State>>,
}

impl Sender {
    pub fn new(address: SocketAddr, plan: Plan, ledger: Ledger) -> Self {
        let state = State { waiting: plan.deliveries.iter().copied().collect(), ledger };
        Self { address, plan: Arc::new(plan), state: Arc::new(Mutex::new(state)) }
    }

    /// Opens the connections; they end when nothing waits.
    pub fn start(&self) -> JoinSet<Result<(), Failure>> {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(self.clone().send());
        }
        connections
    }

    async fn send(self) -> Result<(), Failure> {
        let mut line = None;
        while let Some((delivery, sent)) = self.next() {
            let Some(event) = self.plan.events.get(delivery.event) else { continue };
            let bytes = bytes(self.address, event, delivery.what, sent);
            let status = timeout(PATIENCE, exchange(&mut line, self.address, &bytes)).await.ok().flatten();
            if status.is_none() {
                line = None;
            }
            let again = {
                let mut state = self.lock();
                let again = state.ledger.answer(event, delivery, sent, status)?;
                if again {
                    state.waiting.push_back(delivery);
                }
                again
            };
            if again || status.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn next(&self) -> Option<(Delivery, Moment)> {
        let mut state = self.lock();
        let delivery = state.waiting.pop_front()?;
        let event = self.plan.events.get(delivery.event)?;
        let sent = state.ledger.send(event, delivery);
        Some((delivery, sent))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into the ledger while it is written.
    pub fn ledger<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.lock().ledger)
    }

    /// Deliveries that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Waits until a look into the ledger is content; `false` when it is not in time.
    pub async fn until(&self, patience: Duration, content: impl Fn(&Ledger) -> bool) -> bool {
        let started = Instant::now();
        while !self.ledger(|ledger| content(ledger)) {
            if started.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }
}

async fn exchange(line: &mut Option<Line>, address: SocketAddr, request: &[u8]) -> Option<u16> {
    let open = match line.take() {
        Some(open) => open,
        None => Line::open(address).await.ok()?,
    };
    line.insert(open).exchange(request).await.ok()
}

/// A delivery as it goes over the wire.
fn bytes(address: SocketAddr, event: &Event, what: What, sent: Moment) -> Vec<u8> {
    let (signature, body) = signed(event, what);
    let signature = signature.map(|value| format!("stripe-signature: {value}\r\n")).unwrap_or_default();
    let path = format!("/webhooks/{}", event.connection);
    request(address, &path, &format!("x-request-id: {}\r\n{signature}", request_id(sent)), &body)
}

/// Signature, if it has one, and body of a delivery that is sent now.
pub fn signed(event: &Event, what: What) -> (Option<String>, Vec<u8>) {
    let now = Clock::System.now().seconds();
    let genuine = event.body();
    match what {
        What::Genuine { .. } | What::Duplicate => (Some(sign(WEBHOOK_SECRET, now, &genuine)), genuine),
        What::Forged(Forgery::ChangedBody) => (Some(sign(WEBHOOK_SECRET, now, &genuine)), forged(event, &event.id)),
        What::Forged(Forgery::WrongSecret) => (Some(sign("whsec_of_nobody", now, &genuine)), genuine),
        What::Forged(Forgery::Invented) => {
            let body = forged(event, &format!("{}_invented", event.id));
            (Some(sign("whsec_of_nobody", now, &body)), body)
        }
        What::Forged(Forgery::Recording) => (Some(sign(WEBHOOK_SECRET, now - RECORDED, &genuine)), genuine),
        What::Forged(Forgery::Unsigned) => (None, genuine),
        What::Forged(Forgery::NotAnEvent) => {
            let body = b"{\"object\":\"something else\"}".to_vec();
            (Some(sign(WEBHOOK_SECRET, now, &body)), body)
        }
    }
}

/// The event with a later version and somebody else's content.
fn forged(event: &Event, id: &str) -> Vec<u8> {
    Event { id: id.to_owned(), number: event.number + 1_000, ..event.clone() }.body()
}
