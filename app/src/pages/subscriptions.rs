//! `/subscriptions`: who pays for what, newest first.

use super::{
    billing_tables::SubscriptionTable,
    export::{List, records_href},
    page::{page, staff_frame},
    records::{ListQuery, Related, first_rows, with_text},
    stored::stored,
    whose::{Whose, WhoseField},
};
use crate::{
    components::{
        Card, EmptyState, FilterBar, Icon, LinkButton, Live, PageHeader, Pager, SelectField, Size, Tabs, TextField,
    },
    context::{RequestContext, now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::{
    RecordBody, RecordRef, UserError,
    billing::{Customer, PRICE, PRODUCT, Price, SUBSCRIPTION, Subscription},
};
use patchbay_engine::Staff;
use patchbay_store::{Record, RecordFilter};

const PATH: &str = "/subscriptions";
/// Prices to filter by.
const PRICES: u32 = 200;

#[component]
pub fn SubscriptionsPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let query = query(&request);
        let filter = filter(&staff, &query).await?;
        let found = stored(staff.store().list_records(&filter, &request.page()).await)?;
        let customers = Related::owners_of(&staff, &found.items).await?;
        let rows: Vec<(Record, Subscription)> =
            found.items.into_iter().filter_map(|record| record.decode().ok().map(|body| (record, body))).collect();
        let products = products_of(&staff, &rows).await?;
        let whose = Whose::read(&staff, &SUBSCRIPTION, &query).await?;
        let counts = stored(staff.store().status_counts(&SUBSCRIPTION, whose.chosen()).await)?;
        let plans = plan_choices(&staff).await?;
        let list = if rows.is_empty() {
            nothing(&query)
        } else {
            let pager = (query.pairs.clone(), found.prev, found.next);
            view! {
                <SubscriptionTable caption="Subscriptions, newest first" rows=rows customers=customers products=products with_connection=whose.differs() now=now/>
                <Pager path=PATH query=pager.0 prev=pager.1 next=pager.2 note="50 per page, newest first"/>
            }
            .into_any()
        };
        let (tabs, filters) = (query.status_tabs(&counts), query.count());
        let export = records_href(List::Subscriptions, &query);
        let (status, text, plan) = (query.text("status"), query.text("text"), query.text("plan"));
        let customer = query
            .get("customer")
            .map(|id| view! { <TextField label="Customer" name="customer" compact=true mono=true value=id/> });
        let content = view! {
            <PageHeader title="Subscriptions" subtitle="Mirrored from the payment provider, current within seconds."/>
            <Live name="counts"><Tabs label="Status" items=tabs/></Live>
            <FilterBar action=PATH filters=filters export_href=export>
                <input type="hidden" name="status" value=status/>
                <TextField label="Customer or id" name="text" kind="search" compact=true placeholder="Name, email, sub_…" value=text/>
                <SelectField label="Plan" name="plan" compact=true options=plans value=plan/>
                <WhoseField whose=whose/>
                {customer}
            </FilterBar>
            <Live name="subscriptions" announce=true><Card padded=false>{list}</Card></Live>
        };
        let crumbs = vec![("Subscriptions".to_owned(), None)];
        Ok(staff_frame("Subscriptions", crumbs, "records:subscription", content.into_any()))
    })
}

pub fn query(request: &RequestContext) -> ListQuery {
    ListQuery::read(PATH, request, &["status", "plan", "text", "connection", "customer"])
}

pub async fn filter(staff: &Staff, query: &ListQuery) -> Result<RecordFilter, UserError> {
    // A plan is named with its connection: another one may have the same id.
    let plan = query.get("plan");
    let named = plan.as_ref().and_then(|plan| RecordRef::read(PRICE, plan));
    let filter = RecordFilter {
        status: query.get("status"),
        connection: named.as_ref().map(|plan| plan.connection.clone()).or_else(|| query.get("connection")),
        facet: named.map(|plan| plan.key.id).or(plan),
        owner: query.get("customer"),
        ..RecordFilter::of(SUBSCRIPTION)
    };
    with_text(staff, filter, query.get("text")).await
}

/// The products of their prices.
pub async fn products_of(staff: &Staff, rows: &[(Record, Subscription)]) -> Result<Related, UserError> {
    let ids = rows.iter().flat_map(|(record, subscription)| {
        subscription.items.iter().map(|item| (record.connection.clone(), item.price.product.clone()))
    });
    Related::read(staff, &PRODUCT, ids.collect()).await
}

async fn plan_choices(staff: &Staff) -> Result<Vec<(String, String)>, UserError> {
    let filter = RecordFilter::of(PRICE);
    let prices = stored(staff.store().list_records(&filter, &first_rows(PRICES)).await)?.items;
    let products = prices.iter().filter_map(|record| Some((record.connection.clone(), record.index.parent.clone()?)));
    let products = Related::read(staff, &PRODUCT, products.collect()).await?;
    let mut options: Vec<(String, String)> = prices
        .iter()
        .filter_map(|record| record.decode::<Price>().ok().map(|price| (record, price)))
        .filter(|(_, price)| price.interval.is_some())
        .map(|(record, price)| {
            let label = format!("{}, {}", products.title(&record.connection, &price.product), price.label());
            (record.reference().path(), label)
        })
        .collect();
    options.sort_by(|one, other| one.1.cmp(&other.1));
    options.insert(0, (String::new(), "Any plan".to_owned()));
    Ok(options)
}

fn nothing(query: &ListQuery) -> AnyView {
    if query.is_empty() {
        return view! {
            <EmptyState title="No subscriptions yet" icon=Icon::Repeat>
                <p>"They appear here as soon as a payment provider is connected and synced."</p>
                <LinkButton href="/connections" size=Size::Small>"See the connections"</LinkButton>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No subscription matches" icon=Icon::ListFilter>
            <p>"Widen the filter. Text is looked for in the customer's name and email address, and in ids."</p>
            <LinkButton href=PATH size=Size::Small>"Show all subscriptions"</LinkButton>
        </EmptyState>
    }
    .into_any()
}

/// The name of a subscription's customer, for titles.
pub fn customer_name(owner: Option<&Record>, subscription: &Subscription) -> String {
    let customer = owner.and_then(|record| record.decode::<Customer>().ok());
    customer
        .map(|customer| customer.index().title)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| subscription.customer.clone())
}
