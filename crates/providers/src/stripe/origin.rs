//! Whose an event is. Endpoints of Connect and of apps are sent what happens in other accounts and in test mode, too.

use crate::identity::named;
use patchbay_domain::event::is_placeholder;

/// What this connection calls its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ours<'a> {
    /// None until the account was read.
    pub account: Option<&'a str>,
    pub livemode: bool,
    /// It is a connected account that the platform follows.
    pub is_followed: bool,
}

/// What an event says about where it is from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin<'a> {
    pub id: Option<&'a str>,
    /// Connect: the connected account it happened in.
    pub account: Option<&'a str>,
    /// Organizations: the path to that account, `org_…/acct_…` or the account alone.
    pub context: Option<&'a str>,
    pub livemode: Option<bool>,
}

impl<'a> Origin<'a> {
    /// The account that the event names, if it names one.
    pub(super) fn named(self) -> Option<&'a str> {
        self.account.or_else(|| self.context?.rsplit('/').next()).filter(|account| !account.is_empty())
    }

    /// Why an event is not to be recorded; none when it is ours.
    pub(super) fn is_not(self, ours: Ours<'_>) -> Option<String> {
        if self.id.is_some_and(is_placeholder) {
            return Some(TEST.to_owned());
        }
        match self.named() {
            // Before the own account is known, an event that names one counts as another's: a record made of it would
            // stay. A replay makes up for it.
            Some(account) if ours.account != Some(account) => Some(match ours.account {
                Some(own) => {
                    format!("It belongs to {}; this connection's own account is {own}.", named("account", account))
                }
                None => format!(
                    "It belongs to {}, and this connection does not know its own account yet. \
                     If that is the one, replay the event.",
                    named("account", account)
                ),
            }),
            None if ours.is_followed => Some(NOT_NAMED.to_owned()),
            _ => self.livemode.filter(|livemode| *livemode != ours.livemode).map(|livemode| {
                let word = |livemode| if livemode { "live" } else { "test" };
                format!("It is of {} mode; this connection's keys are of {} mode.", word(livemode), word(ours.livemode))
            }),
        }
    }
}

/// Why an event without an account is not recorded for one that is followed: it is the platform's own.
const NOT_NAMED: &str =
    "It names no account, so it is the platform's own; this connection follows a connected account.";
/// Why what a test button sends is not recorded.
pub(super) const TEST: &str = "It is a test that Stripe's dashboard sends: what it tells of does not exist.";
