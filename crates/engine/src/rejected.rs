//! Keeps what was refused, so that staff see a wrong secret at once. Headers and reason, never the body.

use crate::live::{Bus, LiveMessage};
use patchbay_store::{NewRejection, Store};
use tokio::sync::mpsc;

/// Anyone can post rubbish, so this list is bounded: what does not fit is only counted in the metrics.
const WAITING: usize = 256;

pub(crate) struct RejectedLog(mpsc::Sender<NewRejection>);

impl RejectedLog {
    pub fn spawn(store: Store, bus: Bus) -> Self {
        let (sender, mut receiver) = mpsc::channel::<NewRejection>(WAITING);
        tokio::spawn(async move {
            while let Some(rejection) = receiver.recv().await {
                let message = LiveMessage::new("rejections", rejection.connection.clone(), rejection.detail.clone());
                match store.insert_rejection(rejection).await {
                    Ok(()) => bus.publish(message),
                    Err(error) => tracing::warn!(%error, "a rejected delivery was not listed"),
                }
            }
        });
        Self(sender)
    }

    pub fn keep(&self, rejection: NewRejection) {
        metrics::counter!("patchbay_deliveries_rejected_total",
            "connection" => rejection.connection.clone(), "reason" => rejection.reason.clone())
        .increment(1);
        if self.0.try_send(rejection).is_err() {
            metrics::counter!("patchbay_rejections_unlisted_total").increment(1);
        }
    }
}
