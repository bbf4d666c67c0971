//! Connect: the platform's own account and those that are connected to it. Each has its own data.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::form::Form;
use super::render;
use super::state::State;
use crate::journal::{self, Entry};

/// The name of connected accounts' lines in the state file.
pub(crate) const KIND: &str = "connected";
/// The account that the product follows on purpose; the other one it only hears of.
pub(crate) const FOLLOWED: &str = CONNECTED[0].id;
/// The id of the platform's own account.
pub(crate) const OWN: &str = "acct_1SandboxPatchbay";
/// How many customers each connected account begins with.
const CUSTOMERS: usize = 4;

/// An account that lets the platform act for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connected {
    pub id: &'static str,
    pub name: &'static str,
    country: &'static str,
    created: i64,
}

/// Which account something is about: a connected one, or the platform's own.
pub(crate) type Account = Option<&'static Connected>;

/// Newest first, as lists are.
pub(crate) static CONNECTED: [Connected; 2] = [
    Connected { id: "acct_1SandboxLantern0", name: "Lantern Books", country: "FR", created: 1_735_689_600 },
    Connected { id: "acct_1SandboxHarbor00", name: "Harbor Kitchen", country: "IE", created: 1_719_792_000 },
];

/// The connected account with this id.
pub(crate) fn by_id(id: &str) -> Account {
    CONNECTED.iter().find(|one| one.id == id)
}

/// The data of all accounts.
pub(crate) struct Accounts {
    own: State,
    connected: [State; CONNECTED.len()],
}

/// A line of a connected account: the line that it would be in a file of its own.
#[derive(Deserialize)]
struct Line {
    account: String,
    line: Entry,
}

impl Accounts {
    pub(crate) fn new(pages: &str) -> Self {
        let connected = CONNECTED.each_ref().map(|one| State::new(pages.to_owned(), Some(one)));
        Self { own: State::new(pages.to_owned(), None), connected }
    }

    /// The data of one account.
    pub(crate) fn of(&mut self, account: Account) -> &mut State {
        match account.and_then(|one| CONNECTED.iter().position(|other| other == one)) {
            Some(at) => &mut self.connected[at],
            None => &mut self.own,
        }
    }

    /// Takes in one line of the state file.
    pub(crate) fn read(&mut self, entry: &Entry) {
        if entry.kind != KIND {
            self.own.read(entry);
        } else if let Ok(line) = serde_json::from_str::<Line>(entry.row.get())
            && let Some(account) = by_id(&line.account)
        {
            self.of(Some(account)).read(&line.line);
        }
    }

    /// Makes the seed data of every account that has none.
    pub(crate) fn seed(&mut self, seed: u64, customers: usize, now: i64) {
        let connected = CONNECTED.iter().map(|one| (Some(one), CUSTOMERS));
        for ((account, customers), more) in [(None, customers)].into_iter().chain(connected).zip(0..) {
            let state = self.of(account);
            if state.tables.products.len() == 0 {
                state.now = now;
                super::seed(state, seed + more, customers);
            }
            state.changed_lines();
        }
    }

    /// The lines of everything.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        let connected = self.connected.iter().flat_map(|state| lines_of(state.account, state.all_lines()));
        self.own.all_lines().chain(connected).collect()
    }
}

/// The lines as they stand in the file, where the lines of all accounts are.
pub(crate) fn lines_of(account: Account, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    #[derive(Serialize)]
    struct Out<'a> {
        account: &'a str,
        line: Box<serde_json::value::RawValue>,
    }
    let Some(account) = account else { return lines.into_iter().collect() };
    let out = |line: String| {
        let line = serde_json::value::RawValue::from_string(line).ok()?;
        journal::line(KIND, &Out { account: account.id, line })
    };
    lines.into_iter().filter_map(out).collect()
}

/// `GET /v1/accounts`: the connected ones.
pub(crate) fn list(account: Account, form: &Form) -> Result<Value, ApiError> {
    form.only(&["limit", "starting_after", "ending_before"])?;
    let limit = super::paging::limit(form)?;
    let known = |name: &str| match form.text(name) {
        None => Ok(None),
        Some(id) => CONNECTED.iter().position(|one| one.id == id).map(Some).ok_or_else(|| no_access(id)),
    };
    let (after, before) = (known("starting_after")?, known("ending_before")?);
    // A connected account of ours has no connected accounts of its own.
    let all = if account.is_some() { &[][..] } else { &CONNECTED[..] };
    let from = after.map_or(0, |at| at + 1);
    let span = &all[from.min(all.len())..before.unwrap_or(all.len()).min(all.len()).max(from)];
    let page = span.iter().take(limit).map(|one| render_account(Some(one))).collect();
    Ok(render::list("/v1/accounts", page, span.len() > limit))
}

/// `GET /v1/accounts/{id}`: the account that asks, or one that is connected to it.
pub(crate) fn get(account: Account, id: &str) -> Result<Value, ApiError> {
    let own = account.map_or(OWN, |one| one.id);
    match by_id(id) {
        _ if id == own => Ok(render_account(account)),
        Some(other) if account.is_none() => Ok(render_account(Some(other))),
        _ => Err(no_access(id)),
    }
}

/// Hosted pages are the platform's own.
pub(crate) fn own_pages(account: Account) -> Result<(), ApiError> {
    let message = "The sandbox has no hosted pages for connected accounts.";
    if account.is_some() { Err(ApiError::invalid(message).of("Stripe-Account")) } else { Ok(()) }
}

/// The account that `Stripe-Account` names.
pub(crate) fn acting(header: Option<&str>) -> Result<Account, ApiError> {
    match header {
        None | Some(OWN) => Ok(None),
        Some(id) => by_id(id).map(Some).ok_or_else(|| no_access(id)),
    }
}

fn no_access(id: &str) -> ApiError {
    ApiError::no_account(id)
}

/// An account as it is shown.
pub(crate) fn render_account(account: Account) -> Value {
    let (id, name, country, created) = account
        .map_or((OWN, "Patchbay Sandbox", "IE", 1_704_067_200), |one| (one.id, one.name, one.country, one.created));
    let requirements = json!({
        "alternatives": [], "current_deadline": null, "currently_due": [], "disabled_reason": null, "errors": [], "eventually_due": [],
        "past_due": [], "pending_verification": []
    });
    let controller = match account {
        Some(_) => json!({"type": "application", "is_controller": true}),
        None => json!({"type": "account"}),
    };
    json!({
        "id": id, "object": "account", "business_profile": {"name": name, "url": null}, "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"}, "charges_enabled": true, "controller": controller,
        "country": country, "created": created, "default_currency": "eur", "details_submitted": true,
        "email": "owner@patchbay.example", "metadata": {}, "payouts_enabled": true, "requirements": requirements,
        "future_requirements": requirements,
        "settings": {"dashboard": {"display_name": name, "timezone": "Etc/UTC"}}, "type": "standard",
    })
}
