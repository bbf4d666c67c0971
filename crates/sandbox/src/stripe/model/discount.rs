//! What takes something off.

use serde::{Deserialize, Serialize};

use super::Metadata;
use crate::stripe::pricing::Decimal;

/// A coupon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Coupon {
    pub id: String,
    pub created: i64,
    pub name: Option<String>,
    pub off: Off,
    pub duration: Duration,
    pub max_redemptions: Option<i64>,
    pub redeem_by: Option<i64>,
    pub times_redeemed: i64,
    /// The products it is limited to; none means all.
    pub products: Vec<String>,
    pub metadata: Metadata,
    pub deleted: bool,
}

impl Coupon {
    /// Whether it can be redeemed.
    pub(crate) fn is_valid(&self, now: i64) -> bool {
        !self.deleted
            && self.redeem_by.is_none_or(|by| now < by)
            && self.max_redemptions.is_none_or(|most| self.times_redeemed < most)
    }

    /// Whether it is about a product.
    pub(crate) fn covers(&self, product: &str) -> bool {
        self.products.is_empty() || self.products.iter().any(|id| id == product)
    }
}

/// How much a coupon takes off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Off {
    Percent(Decimal),
    Amount { minor: i64, currency: String },
}

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Duration {
    Forever,
    Once,
    Months(i32),
}

/// A code that customers type for a coupon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PromotionCode {
    pub id: String,
    pub created: i64,
    pub code: String,
    pub coupon: String,
    pub customer: Option<String>,
    pub active: bool,
    pub expires_at: Option<i64>,
    pub max_redemptions: Option<i64>,
    pub times_redeemed: i64,
    pub first_time: bool,
    pub minimum: Option<(i64, String)>,
    pub metadata: Metadata,
}

impl PromotionCode {
    pub(crate) fn is_active(&self, now: i64) -> bool {
        self.active
            && self.expires_at.is_none_or(|at| now < at)
            && self.max_redemptions.is_none_or(|most| self.times_redeemed < most)
    }
}

/// A coupon as it was redeemed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Discount {
    pub id: String,
    pub created: i64,
    pub coupon: String,
    pub promotion_code: Option<String>,
    pub customer: String,
    /// None where it is the customer's, or an invoice's.
    pub subscription: Option<String>,
    pub invoice: Option<String>,
    pub end: Option<i64>,
    pub deleted: bool,
}
