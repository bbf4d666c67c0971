//! `/invoices`: what was billed, newest first.

use super::{
    billing_tables::InvoiceTable,
    export::{List, records_href},
    page::{page, staff_frame},
    records::{ListQuery, Related, with_text},
    stored::stored,
    whose::{Whose, WhoseField},
};
use crate::{
    components::{Card, EmptyState, FilterBar, Icon, LinkButton, Live, PageHeader, Pager, Size, Tabs, TextField},
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    UserError,
    billing::{INVOICE, Invoice},
};
use patchbay_engine::Staff;
use patchbay_store::{Record, RecordFilter};

const PATH: &str = "/invoices";

#[component]
pub fn InvoicesPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = query(&request);
        let filter = filter(&staff, &query).await?;
        let found = stored(staff.store().list_records(&filter, &request.page()).await)?;
        let customers = Related::owners_of(&staff, &found.items).await?;
        let rows: Vec<(Record, Invoice)> =
            found.items.into_iter().filter_map(|record| record.decode().ok().map(|body| (record, body))).collect();
        let whose = Whose::read(&staff, &INVOICE, &query).await?;
        let counts = stored(staff.store().status_counts(&INVOICE, whose.chosen()).await)?;
        let list = if rows.is_empty() {
            nothing(&query)
        } else {
            view! {
                <InvoiceTable caption="Invoices, newest first" rows=rows customers=customers with_connection=whose.differs() now=now/>
                <Pager path=PATH query=query.pairs.clone() prev=found.prev next=found.next note="50 per page, newest first"/>
            }
            .into_any()
        };
        let of = ["customer", "subscription"].map(|name| {
            query.get(name).map(|id| {
                let label = super::records::spaced(name);
                view! { <TextField label=label name=name compact=true mono=true value=id/> }
            })
        });
        let (tabs, filters) = (query.status_tabs(&counts), query.count());
        let export = records_href(List::Invoices, &query);
        let (status, text) = (query.text("status"), query.text("text"));
        let content = view! {
            <PageHeader title="Invoices" subtitle="Mirrored from the payment provider, current within seconds."/>
            <Live name="counts"><Tabs label="Status" items=tabs/></Live>
            <FilterBar action=PATH filters=filters export_href=export>
                <input type="hidden" name="status" value=status/>
                <TextField label="Number, customer or id" name="text" kind="search" compact=true placeholder="Number, name, in_…" value=text/>
                <WhoseField whose=whose/>
                {of.into_iter().collect_view()}
            </FilterBar>
            <Live name="invoices" announce=true><Card padded=false>{list}</Card></Live>
        };
        let crumbs = vec![("Invoices".to_owned(), None)];
        Ok(staff_frame("Invoices", crumbs, "records:invoice", content.into_any()))
    })
}

pub fn query(request: &RequestContext) -> ListQuery {
    ListQuery::read(PATH, request, &["status", "text", "connection", "customer", "subscription"])
}

pub async fn filter(staff: &Staff, query: &ListQuery) -> Result<RecordFilter, UserError> {
    let filter = RecordFilter {
        status: query.get("status"),
        connection: query.get("connection"),
        owner: query.get("customer"),
        parent: query.get("subscription"),
        ..RecordFilter::of(INVOICE)
    };
    with_text(staff, filter, query.get("text")).await
}

fn nothing(query: &ListQuery) -> AnyView {
    if query.is_empty() {
        return view! {
            <EmptyState title="No invoices yet" icon=Icon::Receipt>
                <p>"They appear here as soon as a payment provider is connected and synced."</p>
                <LinkButton href="/connections" size=Size::Small>"See the connections"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No invoice matches" icon=Icon::ListFilter>
            <p>"Widen the filter. Text is looked for in numbers and ids, and in the customer's name and email address."</p>
            <LinkButton href=PATH size=Size::Small>"Show all invoices"</LinkButton>
        </EmptyState>
    }
    .into_any()
}
