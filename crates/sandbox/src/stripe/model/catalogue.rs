//! What is sold, and what it costs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Metadata;
use crate::stripe::pricing::Decimal;

/// A product: what is sold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub name: String,
    pub description: Option<String>,
    pub active: bool,
    pub default_price: Option<String>,
    pub metadata: Metadata,
    /// Members that nothing here computes with, as they are shown.
    #[serde(default)]
    pub shown: Map<String, Value>,
}

/// A price of a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Price {
    pub id: String,
    pub created: i64,
    pub product: String,
    pub currency: String,
    /// None where tiers say it.
    pub unit_amount: Option<Decimal>,
    pub tiers: Option<Tiers>,
    pub package: Option<Package>,
    /// None for what is paid once.
    pub recurring: Option<Recurring>,
    pub active: bool,
    pub lookup_key: Option<String>,
    pub nickname: Option<String>,
    pub tax_behavior: Option<String>,
    pub metadata: Metadata,
}

impl Price {
    /// The meter whose usage it charges.
    pub(crate) fn meter(&self) -> Option<&str> {
        self.recurring.as_ref()?.meter.as_deref()
    }

    /// How often it is charged.
    pub(crate) fn every(&self) -> Option<Every> {
        self.recurring.as_ref().map(|recurring| recurring.every)
    }
}

/// Prices that change with the quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tiers {
    /// Each part of the quantity at the price of its own tier, instead of all at the price of the last.
    pub graduated: bool,
    pub steps: Vec<Tier>,
}

/// One tier; the last has no end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tier {
    pub up_to: Option<i64>,
    pub unit_amount: Option<Decimal>,
    pub flat_amount: Option<Decimal>,
}

/// `transform_quantity`: so many units are charged as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub divide_by: i64,
    pub rounds_up: bool,
}

/// What makes a price one of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recurring {
    pub every: Every,
    /// Usage is charged when its period is over.
    pub meter: Option<String>,
}

/// An interval and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Every {
    pub interval: Interval,
    pub count: i32,
}

impl Every {
    pub(crate) const MONTH: Self = Self { interval: Interval::Month, count: 1 };

    /// Days, or months: `(false, 14)` is two weeks, `(true, 12)` a year.
    fn size(self) -> (bool, i32) {
        match self.interval {
            Interval::Day => (false, self.count),
            Interval::Week => (false, self.count * 7),
            Interval::Month => (true, self.count),
            Interval::Year => (true, self.count * 12),
        }
    }

    /// About how many days it is.
    pub(crate) fn days(self) -> i32 {
        let (months, size) = self.size();
        if months { size * 30 } else { size }
    }

    /// Whether both are the same time, however it is said.
    pub(crate) fn is(self, other: Self) -> bool {
        self.size() == other.size()
    }

    /// Whether its periods end where those of a shorter one do.
    pub(crate) fn is_multiple_of(self, shorter: Self) -> bool {
        match (self.size(), shorter.size()) {
            ((mine, long), (its, short)) if mine == its => long % short == 0,
            (_, (false, 1)) => true,
            _ => false,
        }
    }
}

/// How often a price is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    /// The provider's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Of the provider's word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Year].into_iter().find(|interval| interval.word() == word)
    }
}

/// What usage is counted by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meter {
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub display_name: String,
    pub event_name: String,
    /// `sum`, `count` or `last`.
    pub formula: String,
    pub customer_key: String,
    pub value_key: String,
    pub time_window: Option<String>,
    pub deactivated_at: Option<i64>,
}

/// Usage of one customer, as it was reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MeterEvent {
    /// The caller's identifier or one of ours.
    pub id: String,
    pub created: i64,
    pub meter: String,
    pub event_name: String,
    pub customer: String,
    pub value: i64,
    pub timestamp: i64,
    pub payload: Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(interval: Interval, count: i32) -> Every {
        Every { interval, count }
    }

    #[test]
    fn intervals_go_together_where_the_longer_is_a_multiple_of_the_shorter() {
        let month = Every::MONTH;
        for longer in [every(Interval::Month, 3), every(Interval::Year, 1), month] {
            assert!(longer.is_multiple_of(month), "{longer:?}");
        }
        assert!(every(Interval::Year, 2).is_multiple_of(every(Interval::Day, 1)));
        assert!(every(Interval::Week, 1).is_multiple_of(every(Interval::Day, 7)));
        assert!(!month.is_multiple_of(every(Interval::Week, 1)));
        assert!(!every(Interval::Month, 3).is_multiple_of(every(Interval::Month, 2)));
        assert!(every(Interval::Month, 12).is(every(Interval::Year, 1)));
    }
}
