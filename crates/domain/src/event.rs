//! Events: what a provider told us, and how far we are with it.

use crate::{ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

/// What is read from a verified delivery before it is stored; the body stays raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The provider's event id: the dedup key.
    pub external_id: String,
    /// The provider's event type, such as `invoice.paid`. Unknown ones are kept.
    pub event_type: String,
    /// The object it is about, where it names one. Events of one object are worked on in order.
    pub object: Option<ObjectKey>,
    /// When the provider says it happened.
    pub occurred_at: Timestamp,
}

impl Envelope {
    /// Whether the id tells this event from others. Test buttons of dashboards send the same id of zeros
    /// (`evt_00000000000000`) each time, so nothing can be recognised by it.
    pub fn is_identified(&self) -> bool {
        !is_placeholder(&self.external_id)
    }
}

/// An id that is a prefix and zeros: it stands for no object and no event.
pub fn is_placeholder(id: &str) -> bool {
    let (_, rest) = id.rsplit_once('_').unwrap_or(("", id));
    rest.len() >= 8 && rest.bytes().all(|byte| byte == b'0')
}

/// How far the worker is with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Stored and acknowledged; waits for a worker or for its next attempt.
    Pending,
    /// Its effects are committed.
    Processed,
    /// Kept, but of a type nothing here reads, or not ours.
    Skipped,
    /// Given up on: a dead letter, until somebody replays it.
    Dead,
}

impl EventState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Processed, Self::Skipped, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_zeros_is_a_placeholder() {
        assert!(is_placeholder("evt_00000000000000") && is_placeholder("cus_00000000000000"));
        for id in ["evt_1", "evt_0", "evt_00000000000001", "", "evt_"] {
            assert!(!is_placeholder(id), "{id}");
        }
    }
}
