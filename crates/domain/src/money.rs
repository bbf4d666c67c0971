//! Amounts in the smallest unit of their currency, as the payment providers state them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Currencies whose smallest unit is the unit itself (Stripe's zero-decimal list).
const ZERO_DECIMAL: [&str; 16] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies with three decimals (Stripe's three-decimal list).
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// An amount in minor units (cents) with its ISO 4217 code in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: String,
}

impl Money {
    pub fn new(minor: i64, currency: impl Into<String>) -> Self {
        Self { minor, currency: currency.into() }
    }

    /// `-1234.50`: for machines, without grouping and currency.
    pub fn decimal(&self) -> String {
        let scale = 10_u64.pow(self.decimals());
        let minor = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        match self.decimals() {
            0 => format!("{sign}{minor}"),
            width => format!("{sign}{}.{:0width$}", minor / scale, minor % scale, width = width as usize),
        }
    }

    fn decimals(&self) -> u32 {
        let code = self.currency.as_str();
        if ZERO_DECIMAL.contains(&code) {
            0
        } else if THREE_DECIMAL.contains(&code) {
            3
        } else {
            2
        }
    }
}

/// `1,234.50 EUR`: grouped, with the currency's own number of decimals.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(self.decimals());
        let minor = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "−" } else { "" };
        let whole = group_thousands(minor / scale);
        let code = self.currency.to_uppercase();
        match self.decimals() {
            0 => write!(f, "{sign}{whole} {code}"),
            width => write!(f, "{sign}{whole}.{:0width$} {code}", minor % scale, width = width as usize),
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn group_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_shows_the_decimals_of_its_currency() {
        assert_eq!(Money::new(123_450, "eur").to_string(), "1,234.50 EUR");
        assert_eq!(Money::new(5_000, "jpy").to_string(), "5,000 JPY");
        assert_eq!(Money::new(-1_005, "kwd").to_string(), "−1.005 KWD");
    }

    #[test]
    fn a_decimal_is_a_number_that_machines_read() {
        assert_eq!(Money::new(-123_405, "eur").decimal(), "-1234.05");
        assert_eq!(Money::new(5_000, "jpy").decimal(), "5000");
    }
}
