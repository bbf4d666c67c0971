//! What a subscription is to become.

use serde::{Deserialize, Serialize};

use super::Metadata;

/// A subscription schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub status: String,
    pub subscription: Option<String>,
    pub released_subscription: Option<String>,
    pub phases: Vec<Phase>,
    /// `cancel`, or else the subscription is released.
    pub cancels: bool,
    pub canceled_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub released_at: Option<i64>,
    /// It was told that the last phase ends within a week.
    #[serde(default)]
    pub end_told: bool,
    pub metadata: Metadata,
    pub flexible: bool,
}

impl Schedule {
    /// Whether it still does something.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.status.as_str(), "active" | "not_started")
    }

    /// The phase that a time is in.
    pub(crate) fn phase_at(&self, at: i64) -> Option<&Phase> {
        self.phases.iter().find(|phase| (phase.start..phase.end).contains(&at))
    }
}

/// One stretch of time of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub start: i64,
    pub end: i64,
    pub currency: String,
    pub items: Vec<PhaseItem>,
    pub proration_behavior: String,
    pub description: Option<String>,
    pub metadata: Metadata,
}

/// A price of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhaseItem {
    pub price: String,
    pub quantity: i64,
    pub metadata: Metadata,
}
