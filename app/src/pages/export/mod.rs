//! `/events.csv?…` and its siblings: a filtered list as a file. It is read and sent page by page, so a list of any length
//! costs the memory of one page; there is no limit on its rows.

mod cell;
mod rows;

use super::{
    audit, calls, customers, dead_letters,
    event_query::EventQuery,
    invoices,
    records::{ListQuery, Related},
    stored::stored,
    subscriptions, videos,
};
use crate::context::{AppContext, RequestContext};
use patchbay_domain::UserError;
use patchbay_engine::Staff;
use patchbay_store::{
    AuditFilter, CallFilter, EventFilter, EventSummary, Page, PageRequest, Record, RecordFilter, StoreError,
};

/// Rows read at once: the most that the store gives out.
const ROWS: u32 = 500;
/// How often the next part of a file asks for its turn to search within payloads, each time for as long as a page would.
const TURNS: u32 = 12;

/// A list that can be taken along as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Events,
    DeadLetters,
    Calls,
    Audit,
    Subscriptions,
    Customers,
    Invoices,
    Videos,
}

impl List {
    pub const ALL: [Self; 8] = [
        Self::Events,
        Self::DeadLetters,
        Self::Calls,
        Self::Audit,
        Self::Subscriptions,
        Self::Customers,
        Self::Invoices,
        Self::Videos,
    ];

    /// As in the list's own address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::DeadLetters => "dead-letters",
            Self::Calls => "calls",
            Self::Audit => "audit",
            Self::Subscriptions => "subscriptions",
            Self::Customers => "customers",
            Self::Invoices => "invoices",
            Self::Videos => "videos",
        }
    }

    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Events | Self::DeadLetters => &rows::EVENT,
            Self::Calls => &rows::CALL,
            Self::Audit => &rows::AUDIT,
            Self::Subscriptions => &rows::SUBSCRIPTION,
            Self::Customers => &rows::CUSTOMER,
            Self::Invoices => &rows::INVOICE,
            Self::Videos => &rows::VIDEO,
        }
    }
}

/// What is read, as the list's page reads it.
enum Source {
    Events(EventFilter),
    Calls(CallFilter),
    Audit(AuditFilter),
    Records(List, RecordFilter),
}

/// A file that is being written.
pub struct Export {
    staff: Staff,
    list: List,
    source: Source,
    page: PageRequest,
    begun: bool,
    ended: bool,
}

impl Export {
    /// Staff may export what they may look at, and the audit log tells of it. Nothing is read yet but what the filter needs.
    pub async fn open(app: &AppContext, request: &RequestContext, list: List) -> Result<Self, UserError> {
        let staff = app.engine.staff(request.principal()?)?;
        let source = match list {
            List::Events => Source::Events(EventQuery::of_request(request)?.filter),
            List::DeadLetters => Source::Events(dead_letters::query(request)?.filter),
            List::Calls => Source::Calls(calls::filter(request)),
            List::Audit => Source::Audit(audit::filter(request)),
            List::Subscriptions => {
                Source::Records(list, subscriptions::filter(&staff, &subscriptions::query(request)).await?)
            }
            List::Customers => Source::Records(list, customers::filter(&customers::query(request))),
            List::Invoices => Source::Records(list, invoices::filter(&staff, &invoices::query(request)).await?),
            List::Videos => Source::Records(list, videos::filter(&videos::query(request))),
        };
        staff.exported(list.name(), request.query(), &request.origin()).await?;
        let page = PageRequest { limit: ROWS, ..PageRequest::default() };
        Ok(Self { staff, list, source, page, begun: false, ended: false })
    }

    /// `patchbay-events-2026-11-20.csv`
    pub fn file_name(&self) -> String {
        format!("patchbay-{}-{}.csv", self.list.name(), self.staff.engine().clock().now().zoned("%Y-%m-%d"))
    }

    /// The next part of the file: the names of the columns, then rows, newest first. `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, UserError> {
        if self.ended {
            return Ok(None);
        }
        let rows = self.rows().await?;
        self.page.after = rows.next;
        self.ended = self.page.after.is_none();
        let header = (!self.begun).then(|| self.list.columns().iter().map(|name| (*name).to_owned()).collect());
        self.begun = true;
        let lines: Vec<Vec<String>> = header.into_iter().chain(rows.items).collect();
        cell::lines(&lines).map(Some).map_err(|error| {
            patchbay_domain::limited!(error, %error, "a part of an export was not written");
            UserError::internal()
        })
    }

    async fn rows(&self) -> Result<Page<Vec<String>>, UserError> {
        let (store, page) = (self.staff.store(), &self.page);
        Ok(match &self.source {
            Source::Events(filter) => stored(self.events(filter).await)?.map(rows::event),
            Source::Calls(filter) => stored(store.list_calls(filter, page).await)?.map(rows::call),
            Source::Audit(filter) => stored(store.list_audit(filter, page).await)?.map(rows::audit),
            Source::Records(list, filter) => {
                self.records(*list, stored(store.list_records(filter, page).await)?).await?
            }
        })
    }

    /// A file that is being sent waits longer for its turn to search than a page does: it cannot be asked for again in part.
    async fn events(&self, filter: &EventFilter) -> Result<Page<EventSummary>, StoreError> {
        let mut tries = if self.begun { TURNS } else { 1 };
        loop {
            tries -= 1;
            match self.staff.store().list_events(filter, &self.page).await {
                Err(StoreError::Busy) if tries > 0 => {}
                result => return result,
            }
        }
    }

    async fn records(&self, list: List, found: Page<Record>) -> Result<Page<Vec<String>>, UserError> {
        match list {
            List::Subscriptions => {
                let customers = Related::owners_of(&self.staff, &found.items).await?;
                found.try_map(|record| rows::subscription(&record, &customers))
            }
            List::Invoices => {
                let customers = Related::owners_of(&self.staff, &found.items).await?;
                found.try_map(|record| rows::invoice(&record, &customers))
            }
            List::Videos => found.try_map(|record| rows::video(&record)),
            _ => found.try_map(|record| rows::customer(&record)),
        }
    }
}

/// Where a list of events with this filter is given out as a file.
pub fn events_href(list: List, query: &EventQuery) -> String {
    query.href(&path(list))
}

/// Where a list of records with this filter is given out as a file.
pub fn records_href(list: List, query: &ListQuery) -> String {
    crate::components::url::with_query(&path(list), query.pairs.iter().cloned())
}

/// `/events.csv`
pub fn path(list: List) -> String {
    format!("/{}.csv", list.name())
}
