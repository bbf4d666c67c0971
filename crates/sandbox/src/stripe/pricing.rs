//! What a quantity of a price comes to: by unit, in packages, in tiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::model::{Package, Price, Tier};

/// Minor units with up to twelve decimal places, as `unit_amount_decimal` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Decimal(i128);

const PLACES: u32 = 12;
const ONE: i128 = 10_i128.pow(PLACES);

impl Decimal {
    /// `count` of it, rounded half away from zero to whole minor units.
    pub(crate) fn times(self, count: i64) -> i64 {
        let whole = self.0.saturating_mul(i128::from(count));
        let rounded = (whole.abs() * 2 + ONE) / (ONE * 2) * whole.signum();
        i64::try_from(rounded).unwrap_or_default()
    }

    /// So many percent of an amount, rounded half away from zero.
    pub(crate) fn percent_of(self, amount: i64) -> i64 {
        let whole = self.0.saturating_mul(i128::from(amount));
        let hundred = ONE * 100;
        let rounded = (whole.abs() * 2 + hundred) / (hundred * 2) * whole.signum();
        i64::try_from(rounded).unwrap_or_default()
    }

    /// The whole minor units, if it is whole.
    pub(crate) fn whole(self) -> Option<i64> {
        (self.0 % ONE == 0).then(|| i64::try_from(self.0 / ONE).ok()).flatten()
    }

    /// As people write it, with the decimals of `currency` or more.
    pub(crate) fn money(self, currency: &str) -> String {
        if let Some(whole) = self.whole() {
            return money(currency, whole);
        }
        let places = usize::from(decimals(currency));
        let digits = format!("{:0>width$}", self.0.unsigned_abs(), width = places + PLACES as usize + 1);
        let (major, minor) = digits.split_at(digits.len() - places - PLACES as usize);
        let (shown, rest) = minor.split_at(places);
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}{major}.{shown}{}", symbol(currency), rest.trim_end_matches('0'))
    }
}

impl From<i64> for Decimal {
    fn from(minor: i64) -> Self {
        Self(i128::from(minor) * ONE)
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("Invalid decimal: {text}");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 14 || part.len() > PLACES as usize || !plain(whole) || !plain(part) {
            return Err(wrong());
        }
        let part = format!("{part:0<width$}", width = PLACES as usize);
        let value: i128 = format!("{whole}{part}").parse().map_err(|_| wrong())?;
        Ok(Self(sign * value))
    }
}

impl TryFrom<String> for Decimal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Decimal> for String {
    fn from(value: Decimal) -> Self {
        value.to_string()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let part = format!("{part:0>width$}", width = PLACES as usize);
        write!(f, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}

/// One line's worth of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub amount: i64,
    pub quantity: i64,
    pub unit: Decimal,
    /// Such as `Tier 2`.
    pub tier: Option<String>,
}

/// The lines that a quantity of a price makes: one, or one for each tier that it reaches.
pub(crate) fn charges(price: &Price, quantity: i64) -> Vec<Charge> {
    let Some(tiers) = &price.tiers else {
        let unit = price.unit_amount.unwrap_or_default();
        let amount = unit.times(price.package.as_ref().map_or(quantity, |package| packages(package, quantity)));
        return vec![Charge { amount, quantity, unit, tier: None }];
    };
    let mut out = Vec::new();
    if tiers.graduated {
        let mut below = 0;
        for (at, tier) in tiers.steps.iter().enumerate() {
            let units = tier.up_to.map_or(quantity, |limit| limit.min(quantity)) - below;
            if units > 0 || at == 0 {
                step(&mut out, tier, at, units.max(0));
            }
            below = tier.up_to.unwrap_or(quantity);
        }
    } else if let Some(at) = tiers.steps.iter().position(|tier| tier.up_to.is_none_or(|limit| quantity <= limit)) {
        step(&mut out, &tiers.steps[at], at, quantity);
    }
    out
}

fn step(out: &mut Vec<Charge>, tier: &Tier, at: usize, units: i64) {
    let name = format!("Tier {}", at + 1);
    let unit = tier.unit_amount.unwrap_or_default();
    if units > 0 || tier.flat_amount.is_none() {
        out.push(Charge { amount: unit.times(units), quantity: units, unit, tier: Some(name.clone()) });
    }
    if let Some(flat) = tier.flat_amount {
        out.push(Charge { amount: flat.times(1), quantity: 1, unit: flat, tier: Some(format!("{name} flat fee")) });
    }
}

fn packages(package: &Package, quantity: i64) -> i64 {
    let full = quantity / package.divide_by;
    if package.rounds_up && quantity % package.divide_by > 0 { full + 1 } else { full }
}

/// What a quantity of a price costs for one of its intervals.
pub(crate) fn amount(price: &Price, quantity: i64) -> i64 {
    charges(price, quantity).iter().map(|charge| charge.amount).sum()
}

/// What a price costs, in a few words: `€99.00 / month`.
pub(crate) fn rate(price: &Price) -> String {
    let amount = match (&price.tiers, price.unit_amount) {
        (Some(tiers), _) => {
            let first = tiers.steps.first().and_then(|tier| tier.unit_amount.or(tier.flat_amount)).unwrap_or_default();
            format!("from {}", first.money(&price.currency))
        }
        (None, unit) => unit.unwrap_or_default().money(&price.currency),
    };
    format!("{amount}{}", every(price))
}

/// ` / month` or ` every 3 months`; nothing for what is paid once.
pub(crate) fn every(price: &Price) -> String {
    match price.recurring.as_ref().map(|recurring| recurring.every) {
        Some(every) if every.count == 1 => format!(" / {}", every.interval.word()),
        Some(every) => format!(" every {} {}s", every.count, every.interval.word()),
        None => String::new(),
    }
}

/// How many decimals a currency's minor unit is.
pub(crate) fn decimals(currency: &str) -> u8 {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
        | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

fn symbol(currency: &str) -> String {
    match currency {
        "eur" => "€".to_owned(),
        "usd" => "$".to_owned(),
        "gbp" => "£".to_owned(),
        "jpy" => "¥".to_owned(),
        other => format!("{} ", other.to_uppercase()),
    }
}

/// An amount as people write it.
pub(crate) fn money(currency: &str, amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let symbol = symbol(currency);
    let digits = |n: u64| {
        let plain = n.to_string();
        let mut out = String::new();
        for (at, digit) in plain.chars().enumerate() {
            if at > 0 && (plain.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    let value = amount.unsigned_abs();
    let places = decimals(currency);
    if places == 0 {
        return format!("{sign}{symbol}{}", digits(value));
    }
    let one = 10_u64.pow(places.into());
    format!("{sign}{symbol}{}.{:0width$}", digits(value / one), value % one, width = places.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::model::{Metadata, Tiers};

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn price(unit: Option<&str>, tiers: Option<Tiers>, package: Option<Package>) -> Price {
        Price {
            id: "price_1".to_owned(),
            created: 0,
            product: "prod_1".to_owned(),
            currency: "eur".to_owned(),
            unit_amount: unit.map(decimal),
            tiers,
            package,
            recurring: None,
            active: true,
            lookup_key: None,
            nickname: None,
            tax_behavior: None,
            metadata: Metadata::new(),
        }
    }

    fn steps(graduated: bool) -> Tiers {
        let tier = |up_to, unit: Option<&str>, flat: Option<&str>| Tier {
            up_to,
            unit_amount: unit.map(decimal),
            flat_amount: flat.map(decimal),
        };
        let steps = vec![
            tier(Some(5), Some("1000"), None),
            tier(Some(10), Some("800"), Some("500")),
            tier(None, Some("0.5"), None),
        ];
        Tiers { graduated, steps }
    }

    #[test]
    fn decimals_come_back_as_they_were_written_and_are_rounded_half_away_from_zero() {
        for text in ["0.5", "12", "0.000000000001", "-3.25", "100000"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!((decimal("0.5").times(1), decimal("0.5").times(3), decimal("-0.5").times(1)), (1, 2, -1));
        assert_eq!((decimal("3.0").whole(), decimal("3.1").whole()), (Some(3), None));
        for wrong in ["", ".", "x", "1e3", "0.0000000000001", "1.2.3"] {
            assert!(Decimal::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn money_is_written_with_its_own_decimals() {
        assert_eq!(money("eur", 123_456), "€1,234.56");
        assert_eq!(money("jpy", 14_800), "¥14,800");
        assert_eq!(money("usd", -5), "-$0.05");
        assert_eq!(money("kwd", 1_500), "KWD 1.500");
        assert_eq!(decimal("0.5").money("usd"), "$0.005");
        assert_eq!(decimal("1250.25").money("eur"), "€12.5025");
    }

    #[test]
    fn graduated_tiers_charge_each_part_at_its_own_price_and_volume_all_at_one() {
        let amounts = |graduated, quantity| -> Vec<i64> {
            charges(&price(None, Some(steps(graduated)), None), quantity).iter().map(|charge| charge.amount).collect()
        };
        assert_eq!(amounts(true, 3), [3_000]);
        assert_eq!(amounts(true, 12), [5_000, 4_000, 500, 1]);
        assert_eq!(amounts(true, 0), [0]);
        assert_eq!(amounts(false, 3), [3_000]);
        assert_eq!(amounts(false, 7), [5_600, 500]);
        assert_eq!(amounts(false, 12), [6]);
    }

    #[test]
    fn packages_are_rounded_as_the_price_says() {
        let of = |rounds_up| price(Some("300"), None, Some(Package { divide_by: 10, rounds_up }));
        assert_eq!((amount(&of(true), 21), amount(&of(false), 21), amount(&of(true), 20)), (900, 600, 600));
    }
}
