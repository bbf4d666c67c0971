//! The machine's clock: signatures of deliveries hold for five minutes.

use super::Findings;
use patchbay_domain::{Clock, Timestamp};
use patchbay_providers::Gateway;

/// Seconds since the epoch. A clock before this version was made cannot be right.
const EARLIEST: i64 = 1_790_000_000;
/// Seconds. Providers refuse, and are refused, at 300.
const TOLERATED: i64 = 60;

pub fn check(findings: &mut Findings, clock: &Clock) {
    let now = clock.now();
    if now < Timestamp::from_seconds(EARLIEST) {
        let text = format!("it says {now}, before this version was made; set it, or every delivery is refused");
        findings.problem("clock", text);
    } else {
        findings.ok("clock", now.to_string());
    }
}

/// Against the date of the provider's last answer, if it gave one.
pub fn compare(findings: &mut Findings, connection: &str, gateway: &Gateway) {
    let Some(seconds) = gateway.clock_ahead() else { return };
    if seconds.abs() <= TOLERATED {
        return;
    }
    let direction = if seconds > 0 { "ahead of" } else { "behind" };
    let seconds = seconds.abs();
    let text = format!(
        "this machine is {seconds} s {direction} the clock of {connection}'s provider; signatures that differ by more than \
         300 s are refused. Set the clock, and keep it by NTP"
    );
    findings.problem("clock", text);
}
