//! The pretended account: its tables, the clock, and the way a change becomes an event and a line of the state file.

use std::collections::{BTreeSet, HashMap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connect::Account;
use super::events;
use super::model::{
    CheckoutSession, Coupon, Customer, Discount, Event, Invoice, Kept, Meter, MeterEvent, PaymentIntent, PaymentMethod,
    PortalSession, Price, Product, PromotionCode, Schedule, SetupIntent, Subscription,
};
use super::render;
use super::versions;
use crate::journal::{self, Entry};

/// An object kept in a table.
pub(crate) trait Row: Clone + Serialize + DeserializeOwned {
    /// Its name in the state file.
    const KIND: &'static str;
    fn id(&self) -> &str;
    fn created(&self) -> i64;
    fn render(&self, state: &State) -> Value;
    fn table(state: &State) -> &Table<Self>;
    fn table_mut(state: &mut State) -> &mut Table<Self>;
}

/// Objects of one kind, oldest first.
pub(crate) struct Table<T> {
    rows: Vec<T>,
    index: HashMap<String, usize>,
    dirty: BTreeSet<usize>,
    /// Ids of what was taken away since the last lines.
    removed: Vec<String>,
}

/// What stands in the state file for an object that was taken away.
#[derive(Serialize, Deserialize)]
struct Removed {
    removed: String,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashMap::new(), dirty: BTreeSet::new(), removed: Vec::new() }
    }
}

impl<T: Row> Table<T> {
    /// Adds or replaces.
    pub(crate) fn put(&mut self, row: T) {
        let at = if let Some(&at) = self.index.get(row.id()) {
            self.rows[at] = row;
            at
        } else {
            self.index.insert(row.id().to_owned(), self.rows.len());
            self.rows.push(row);
            self.rows.len() - 1
        };
        self.dirty.insert(at);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.index.get(id).map(|&at| &self.rows[at])
    }

    /// Newest first, as lists are.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().rev()
    }

    pub(crate) fn oldest(&self) -> impl Iterator<Item = &T> {
        self.rows.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn remove(&mut self, id: &str) {
        let Some(gone) = self.index.remove(id) else { return };
        self.rows.remove(gone);
        for at in self.index.values_mut().filter(|at| **at > gone) {
            *at -= 1;
        }
        let moved = |at: usize| if at > gone { at - 1 } else { at };
        self.dirty = self.dirty.iter().filter(|at| **at != gone).map(|at| moved(*at)).collect();
        self.removed.push(id.to_owned());
    }

    /// Forgets the oldest rows beyond `keep`.
    fn trim(&mut self, keep: usize) {
        if self.rows.len() <= keep + keep / 4 {
            return;
        }
        let gone = self.rows.len() - keep;
        self.rows.drain(..gone);
        self.dirty = self.dirty.iter().filter_map(|at| at.checked_sub(gone)).collect();
        self.index = self.rows.iter().enumerate().map(|(at, row)| (row.id().to_owned(), at)).collect();
    }

    fn drain_dirty(&mut self, out: &mut Vec<String>) {
        for removed in std::mem::take(&mut self.removed) {
            out.extend(journal::line(T::KIND, &Removed { removed }));
        }
        for at in std::mem::take(&mut self.dirty) {
            out.extend(self.rows.get(at).and_then(|row| journal::line(T::KIND, row)));
        }
    }

    fn read(&mut self, entry: &Entry) {
        if let Ok(row) = serde_json::from_str::<T>(entry.row.get()) {
            self.put(row);
        } else if let Ok(Removed { removed }) = serde_json::from_str(entry.row.get()) {
            self.remove(&removed);
        }
    }
}

macro_rules! tables {
    ($($field:ident: $type:ty = $kind:literal, $render:path;)*) => {
        /// Every table of the account.
        #[derive(Default)]
        pub(crate) struct Tables { $(pub $field: Table<$type>,)* }

        $(impl Row for $type {
            const KIND: &'static str = $kind;
            fn id(&self) -> &str { &self.id }
            fn created(&self) -> i64 { self.created }
            fn render(&self, state: &State) -> Value { $render(self, state) }
            fn table(state: &State) -> &Table<Self> { &state.tables.$field }
            fn table_mut(state: &mut State) -> &mut Table<Self> { &mut state.tables.$field }
        })*

        impl Tables {
            fn read(&mut self, entry: &Entry) {
                match entry.kind.as_str() {
                    $($kind => self.$field.read(entry),)*
                    _ => {}
                }
            }

            fn drain_dirty(&mut self, out: &mut Vec<String>) {
                $(self.$field.drain_dirty(out);)*
            }

            fn all(&self) -> impl Iterator<Item = String> {
                std::iter::empty()
                    $(.chain(self.$field.rows.iter().filter_map(|row| journal::line($kind, row))))*
            }
        }
    };
}

tables! {
    products: Product = "product", render::product;
    prices: Price = "price", render::price;
    meters: Meter = "meter", render::meter;
    meter_events: MeterEvent = "meter_event", render::meter_event;
    coupons: Coupon = "coupon", render::coupon;
    promotion_codes: PromotionCode = "promotion_code", render::promotion_code;
    discounts: Discount = "discount", render::discount;
    schedules: Schedule = "subscription_schedule", render::schedule;
    customers: Customer = "customer", render::customer;
    payment_methods: PaymentMethod = "payment_method", render::payment_method;
    subscriptions: Subscription = "subscription", render::subscription;
    invoices: Invoice = "invoice", render::invoice;
    payment_intents: PaymentIntent = "payment_intent", render::payment_intent;
    setup_intents: SetupIntent = "setup_intent", render::setup_intent;
    checkouts: CheckoutSession = "checkout_session", render::checkout_session;
    portals: PortalSession = "portal_session", render::portal_session;
    events: Event = "event", render::event;
    kept: Kept = "kept", render::kept;
}

/// How many events and kept answers are remembered.
const EVENTS_KEPT: usize = 4_000;
const ANSWERS_KEPT: usize = 1_000;
const SESSIONS_KEPT: usize = 2_000;
const PAYMENTS_KEPT: usize = 12_000;

/// The whole account, with what one piece of work needs at hand.
pub(crate) struct State {
    pub tables: Tables,
    /// Whose data it is.
    pub account: Account,
    /// Unix seconds of the work being done.
    pub now: i64,
    pub rng: StdRng,
    /// Where hosted pages live, such as `http://127.0.0.1:3000/sandbox/stripe`.
    pub pages: String,
    /// The API request being answered, with its idempotency key.
    pub request: Option<(String, Option<String>)>,
    /// The API version of the endpoint that events are sent to.
    pub webhook_version: &'static str,
    /// The history is written without telling anybody.
    pub silent: bool,
    /// Events made by the work, to be delivered once it is saved.
    pub outbox: Vec<String>,
}

impl State {
    pub(crate) fn new(pages: String, account: Account) -> Self {
        Self {
            account,
            tables: Tables::default(),
            now: 0,
            rng: StdRng::from_os_rng(),
            pages,
            request: None,
            webhook_version: super::API_VERSION,
            silent: false,
            outbox: Vec::new(),
        }
    }

    /// Takes in one line of the state file.
    pub(crate) fn read(&mut self, entry: &Entry) {
        self.tables.read(entry);
    }

    /// The lines of everything changed since the last time.
    pub(crate) fn changed_lines(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        self.tables.drain_dirty(&mut out);
        self.tables.events.trim(EVENTS_KEPT);
        self.tables.invoices.trim(PAYMENTS_KEPT);
        self.tables.payment_intents.trim(PAYMENTS_KEPT);
        self.tables.setup_intents.trim(SESSIONS_KEPT);
        self.tables.kept.trim(ANSWERS_KEPT);
        self.tables.portals.trim(SESSIONS_KEPT);
        self.tables.checkouts.trim(SESSIONS_KEPT);
        out
    }

    /// The lines of everything.
    pub(crate) fn all_lines(&self) -> impl Iterator<Item = String> {
        self.tables.all()
    }

    /// A new id with the given prefix.
    pub(crate) fn id(&mut self, prefix: &str, length: usize) -> String {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = String::with_capacity(prefix.len() + length);
        id.push_str(prefix);
        for _ in 0..length {
            id.push(char::from(LETTERS[self.rng.random_range(0..LETTERS.len())]));
        }
        id
    }

    pub(crate) fn get<T: Row>(&self, id: &str) -> Option<&T> {
        T::table(self).get(id)
    }

    pub(crate) fn put<T: Row>(&mut self, row: T) {
        T::table_mut(self).put(row);
    }

    /// Stores a new object and says so.
    pub(crate) fn create<T: Row>(&mut self, row: T, event: &str) {
        let id = row.id().to_owned();
        self.put(row);
        self.announce::<T>(&id, event);
    }

    /// Tells that `event` happened to an object, as it is now.
    pub(crate) fn announce<T: Row>(&mut self, id: &str, event: &str) {
        if self.silent {
            return;
        }
        let Some(object) = self.get::<T>(id).map(|row| self.told(row)) else {
            return;
        };
        events::emit(self, event, object, None);
    }

    /// Changes an object; tells `event` with the previous values if anything visible changed.
    pub(crate) fn change<T: Row>(&mut self, id: &str, event: &str, edit: impl FnOnce(&mut T)) {
        let Some(mut row) = self.get::<T>(id).cloned() else {
            return;
        };
        if self.silent {
            edit(&mut row);
            self.put(row);
            return;
        }
        let before = self.told(&row);
        edit(&mut row);
        self.put(row);
        let Some(after) = self.get::<T>(id).map(|row| self.told(row)) else {
            return;
        };
        if let Some(previous) = events::difference(&before, &after) {
            events::emit(self, event, after, Some(previous));
        }
    }

    /// An object as events carry it.
    fn told<T: Row>(&self, row: &T) -> Value {
        versions::older(self, self.webhook_version, row.render(self))
    }

    /// Takes an object away, and what is kept of it.
    pub(crate) fn remove<T: Row>(&mut self, id: &str) {
        T::table_mut(self).remove(id);
    }

    /// Changes an object without telling anybody.
    pub(crate) fn edit<T: Row>(&mut self, id: &str, edit: impl FnOnce(&mut T)) {
        if let Some(mut row) = self.get::<T>(id).cloned() {
            edit(&mut row);
            self.put(row);
        }
    }
}
