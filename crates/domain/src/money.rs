//! Amounts in the smallest unit of their currency, as the payment providers state them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Currencies whose smallest unit is the unit itself (Stripe's zero-decimal list).
const ZERO_DECIMAL: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies without a smaller unit that Stripe still counts in hundredths, so that older programs go on reading them:
/// 500000 is 5,000 shillings. (HUF and TWD have hundredths in charges and lack them in payouts only.)
const HUNDREDTHS_ON_THE_WIRE: [&str; 2] = ["isk", "ugx"];
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
        decimals_of(&self.currency)
    }
}

/// Decimals between the smallest unit on the wire and the currency's own unit.
fn decimals_of(currency: &str) -> u32 {
    if ZERO_DECIMAL.contains(&currency) {
        0
    } else if THREE_DECIMAL.contains(&currency) {
        3
    } else {
        2
    }
}

/// An exact number of minor units that may be a part of one, as prices per unit are: `0.05` cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(
    /// In units of 10⁻¹² of a minor unit: the provider writes up to twelve decimals.
    i128,
);

impl Exact {
    const DECIMALS: u32 = 12;
    const ONE: i128 = 10_i128.pow(Self::DECIMALS);

    pub fn of_minor(minor: i64) -> Self {
        Self(i128::from(minor) * Self::ONE)
    }

    /// `0.05`, `-12`, `1.234567890123`. None for what is no such number.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 18 || fraction.len() > 12 || !plain(whole) || !plain(fraction) {
            return None;
        }
        let whole: i128 = whole.parse().ok()?;
        let fraction: i128 = format!("{fraction:0<12}").parse().ok()?;
        Some(Self(sign * (whole * Self::ONE + fraction)))
    }

    /// Whole minor units, the half away from zero, as invoices round them. None where that is more than money can be.
    pub fn times(self, quantity: i64) -> Option<i64> {
        let exact = self.0.checked_mul(i128::from(quantity))?;
        let half = if exact < 0 { -Self::ONE / 2 } else { Self::ONE / 2 };
        i64::try_from((exact + half) / Self::ONE).ok()
    }

    /// As [`Money`] is written, with as many decimals as it takes: `0.0005 USD`.
    pub fn label(self, currency: &str) -> String {
        if self.0 % Self::ONE == 0
            && let Ok(minor) = i64::try_from(self.0 / Self::ONE)
        {
            return Money::new(minor, currency).to_string();
        }
        let decimals = decimals_of(currency);
        let width = usize::try_from(decimals + Self::DECIMALS).unwrap_or(usize::MAX);
        let scale = 10_u128.pow(decimals + Self::DECIMALS);
        let (whole, fraction) = (self.0.unsigned_abs() / scale, self.0.unsigned_abs() % scale);
        let fraction = format!("{fraction:0width$}");
        let shown = fraction.trim_end_matches('0').len().max(decimals as usize);
        let whole = group_thousands(u64::try_from(whole).unwrap_or(u64::MAX));
        let sign = if self.0 < 0 { "−" } else { "" };
        format!("{sign}{whole}.{} {}", &fraction[..shown], currency.to_uppercase())
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
        let without = HUNDREDTHS_ON_THE_WIRE.contains(&self.currency.as_str()) && minor.is_multiple_of(scale);
        match self.decimals() {
            _ if without => write!(f, "{sign}{whole} {code}"),
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
    fn currencies_without_hundredths_are_counted_in_them_where_stripe_does() {
        for (minor, currency, shown, decimal) in [
            (500_000, "ugx", "5,000 UGX", "5000.00"),
            (500_000, "isk", "5,000 ISK", "5000.00"),
            (500_050, "isk", "5,000.50 ISK", "5000.50"),
            (500_000, "huf", "5,000.00 HUF", "5000.00"),
            (500_000, "twd", "5,000.00 TWD", "5000.00"),
            (500_000, "xaf", "500,000 XAF", "500000"),
            (500_000, "mga", "500,000 MGA", "500000"),
            (5_120, "jod", "5.120 JOD", "5.120"),
        ] {
            let money = Money::new(minor, currency);
            assert_eq!((money.to_string().as_str(), money.decimal().as_str()), (shown, decimal));
        }
    }

    #[test]
    fn a_part_of_a_cent_is_exact() {
        let price = Exact::parse("0.05").unwrap();
        assert_eq!(price.label("usd"), "0.0005 USD");
        assert_eq!(price.times(40_000), Some(2_000));
        assert_eq!(Exact::parse("12.5").unwrap().label("jpy"), "12.5 JPY");
        assert_eq!(Exact::parse("2900.000000000000").unwrap().label("usd"), "29.00 USD");
        assert_eq!(Exact::parse("-0.5").unwrap().times(3), Some(-2), "the half away from zero");
        assert_eq!(Exact::of_minor(25).label("usd"), "0.25 USD");
        for text in ["", ".5", "1e5", "1.2345678901234", "one", "1.-5", "99999999999999999999"] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
        assert_eq!(Exact::of_minor(i64::MAX).times(i64::MAX), None);
    }

    #[test]
    fn a_decimal_is_a_number_that_machines_read() {
        assert_eq!(Money::new(-123_405, "eur").decimal(), "-1234.05");
        assert_eq!(Money::new(5_000, "jpy").decimal(), "5000");
    }
}
