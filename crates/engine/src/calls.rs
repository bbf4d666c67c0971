//! Writes the log of outside calls, off the path of the calls themselves.

use crate::{
    live::{Bus, LiveMessage},
    supervise,
};
use patchbay_domain::limited;
use patchbay_providers::gateway::{CallLog, CallRecord};
use patchbay_store::{NewCall, Store};
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};

/// Calls that wait to be written. Beyond this the oldest behaviour wins: the call goes on, its row is dropped and counted.
const WAITING: usize = 4_096;
const BATCH: usize = 128;

pub type CallLogReceiver = mpsc::Receiver<CallRecord>;

struct Queue(mpsc::Sender<CallRecord>);

impl CallLog for Queue {
    fn record(&self, call: CallRecord) {
        if self.0.try_send(call).is_err() {
            metrics::counter!("patchbay_call_log_dropped_total").increment(1);
        }
    }
}

/// The two ends: one for the gateways, one for [`crate::EngineParts`].
pub fn queue() -> (Arc<dyn CallLog>, CallLogReceiver) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Arc::new(Queue(sender)), receiver)
}

pub(crate) fn spawn_writer(store: Store, bus: Bus, receiver: CallLogReceiver) {
    let receiver = Arc::new(Mutex::new(receiver));
    let is_over = {
        let receiver = receiver.clone();
        move || receiver.try_lock().is_ok_and(|receiver| receiver.is_closed() && receiver.is_empty())
    };
    supervise::spawn("call log", move || write(store.clone(), bus.clone(), receiver.clone()), is_over);
}

async fn write(store: Store, bus: Bus, receiver: Arc<Mutex<CallLogReceiver>>) {
    let mut receiver = receiver.lock().await;
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        let rows: Vec<NewCall> = waiting.drain(..).map(|call| row(&store, call)).collect();
        match store.insert_calls(&rows).await {
            Ok(()) => tell(&bus, &rows),
            Err(error) => {
                metrics::counter!("patchbay_call_log_dropped_total").increment(rows.len() as u64);
                limited!(warn, %error, rows = rows.len(), "call log rows were not written");
            }
        }
    }
}

/// One message for a batch: a sync writes many calls, and who watches looks at the list again once.
fn tell(bus: &Bus, rows: &[NewCall]) {
    if let Some(newest) = rows.last().filter(|_| bus.is_watched()) {
        bus.publish(LiveMessage::new("calls", newest.id.to_string(), newest.operation.clone()));
    }
}

fn row(store: &Store, call: CallRecord) -> NewCall {
    NewCall {
        id: store.new_id(),
        at: call.at,
        connection: call.connection,
        operation: call.operation,
        method: call.method,
        path: call.path,
        status: call.status.map(i64::from),
        duration_us: call.duration_us,
        attempt: i64::from(call.attempt),
        request_id: call.request_id,
        error: call.error,
        cause: call.cause,
    }
}
