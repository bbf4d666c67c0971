//! How long things are kept.

use super::ConfigError;
use std::time::Duration;

/// The fewest days that anything is kept. Stripe sends an event again for three days: one that was dropped sooner would
/// be taken for a new one.
const FEWEST: u32 = 7;
/// A century. More is no date that can be reckoned with, and is for ever.
const MOST: u32 = 36_500;

/// `None` and 0 are for ever.
pub(super) fn days(
    name: &'static str,
    variable: Option<String>,
    file: Option<u32>,
) -> Result<Option<Duration>, ConfigError> {
    let refuse = |message: String| Err(ConfigError::Variable { name, message });
    let days = match variable.map(|text| text.parse().map_err(|_| text)) {
        None => file.unwrap_or(0),
        Some(Ok(days)) => days,
        Some(Err(text)) => {
            return refuse(format!(
                "write a number of days, such as 90, or 0 for ever; it is \"{}\"",
                text.escape_debug()
            ));
        }
    };
    match days {
        0 => Ok(None),
        1..FEWEST => refuse(format!("{days} is too few: use {FEWEST} or more, or 0 for ever")),
        days if days > MOST => refuse(format!("{days} is too many: use {MOST} or fewer, or 0 for ever")),
        days => Ok(Some(Duration::from_hours(24 * u64::from(days)))),
    }
}
