//! `/customers`: who pays, newest first.

use super::{
    billing_tables::CustomerTable,
    export::{List, records_href},
    page::{page, staff_frame},
    records::ListQuery,
    stored::stored,
    whose::{Whose, WhoseField},
};
use crate::{
    components::{Card, EmptyState, FilterBar, Icon, LinkButton, Live, PageHeader, Pager, Size, Tabs, TextField},
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::billing::{CUSTOMER, Customer};
use patchbay_store::{Record, RecordFilter};

const PATH: &str = "/customers";

#[component]
pub fn CustomersPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = query(&request);
        let found = stored(staff.store().list_records(&filter(&query), &request.page()).await)?;
        let whose = Whose::read(&staff, &CUSTOMER, &query).await?;
        let counts = stored(staff.store().status_counts(&CUSTOMER, whose.chosen()).await)?;
        let rows: Vec<(Record, Customer)> =
            found.items.into_iter().filter_map(|record| record.decode().ok().map(|body| (record, body))).collect();
        let list = if rows.is_empty() {
            nothing(&query)
        } else {
            view! {
                <CustomerTable rows=rows with_connection=whose.differs() now=now/>
                <Pager path=PATH query=query.pairs.clone() prev=found.prev next=found.next note="50 per page, newest first"/>
            }
            .into_any()
        };
        let (tabs, filters) = (query.status_tabs(&counts), query.count());
        let export = records_href(List::Customers, &query);
        let (status, text) = (query.text("status"), query.text("text"));
        let content = view! {
            <PageHeader title="Customers" subtitle="Mirrored from the payment provider, current within seconds."/>
            <Live name="counts"><Tabs label="Status" items=tabs/></Live>
            <FilterBar action=PATH filters=filters export_href=export>
                <input type="hidden" name="status" value=status/>
                <TextField label="Name, email or id" name="text" kind="search" compact=true placeholder="Name, email, cus_…" value=text/>
                <WhoseField whose=whose/>
            </FilterBar>
            <Live name="customers" announce=true><Card padded=false>{list}</Card></Live>
        };
        let crumbs = vec![("Customers".to_owned(), None)];
        Ok(staff_frame("Customers", crumbs, "records:customer", content.into_any()))
    })
}

pub fn query(request: &RequestContext) -> ListQuery {
    ListQuery::read(PATH, request, &["status", "text", "connection"])
}

pub fn filter(query: &ListQuery) -> RecordFilter {
    RecordFilter {
        status: query.get("status"),
        text: query.get("text"),
        connection: query.get("connection"),
        ..RecordFilter::of(CUSTOMER)
    }
}

fn nothing(query: &ListQuery) -> AnyView {
    if query.is_empty() {
        return view! {
            <EmptyState title="No customers yet" icon=Icon::Users>
                <p>"They appear here as soon as a payment provider is connected and synced."</p>
                <LinkButton href="/connections" size=Size::Small>"See the connections"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No customer matches" icon=Icon::ListFilter>
            <p>"Widen the filter. Text is looked for in names, email addresses and ids."</p>
            <LinkButton href=PATH size=Size::Small>"Show all customers"</LinkButton>
        </EmptyState>
    }
    .into_any()
}
