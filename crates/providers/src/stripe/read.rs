//! Reads objects: one, or all of a kind page by page. All kinds follow the same scheme, so a table says it all.

use super::{
    NAME,
    client::{Client, MISSING, checked_id, parse, refused, unreadable},
    project, types,
};
use crate::{
    error::{ErrorKind, ProviderError},
    gateway::Reply,
    read::ListPage,
};
use patchbay_domain::{
    Change, Kind, ObjectKey, State, Version,
    billing::{CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION},
    schedule::SCHEDULE,
};
use serde_json::{Value, value::RawValue};

/// Stripe's maximum.
const PAGE: usize = 100;
/// Operation that reads the rest of a list inside of an object.
const LISTS: &str = "lists.rest";
const CUSTOMERS: &str = "/v1/customers";
/// Payment methods are read customer by customer; this many customers make one page.
const CUSTOMERS_PER_PAGE: usize = 20;

pub(super) struct Resource {
    pub(super) kind: Kind,
    path: &'static str,
    /// Names of the operations.
    fetch: &'static str,
    list: &'static str,
    /// Added to the query of a list.
    list_query: &'static str,
}

/// Without `status=all`, cancelled subscriptions are left out.
pub(super) static RESOURCES: [Resource; 9] = [
    Resource { kind: PRODUCT, path: "/v1/products", fetch: "products.retrieve", list: "products.list", list_query: "" },
    Resource { kind: PRICE, path: "/v1/prices", fetch: "prices.retrieve", list: "prices.list", list_query: "" },
    Resource { kind: CUSTOMER, path: CUSTOMERS, fetch: "customers.retrieve", list: "customers.list", list_query: "" },
    Resource {
        kind: PAYMENT_METHOD,
        path: "/v1/payment_methods",
        fetch: "payment_methods.retrieve",
        list: "customers.payment_methods",
        list_query: "",
    },
    Resource {
        kind: SUBSCRIPTION,
        path: "/v1/subscriptions",
        fetch: "subscriptions.retrieve",
        list: "subscriptions.list",
        list_query: "&status=all",
    },
    Resource {
        kind: SCHEDULE,
        path: "/v1/subscription_schedules",
        fetch: "subscription_schedules.retrieve",
        list: "subscription_schedules.list",
        list_query: "",
    },
    Resource { kind: INVOICE, path: "/v1/invoices", fetch: "invoices.retrieve", list: "invoices.list", list_query: "" },
    Resource {
        kind: INVOICE_PAYMENT,
        path: "/v1/invoice_payments",
        fetch: "invoice_payments.retrieve",
        list: "invoice_payments.list",
        list_query: "",
    },
    Resource {
        kind: PAYMENT_INTENT,
        path: "/v1/payment_intents",
        fetch: "payment_intents.retrieve",
        list: "payment_intents.list",
        list_query: "",
    },
];

fn find(kind: &Kind) -> Result<&'static Resource, ProviderError> {
    RESOURCES
        .iter()
        .find(|resource| resource.kind == *kind)
        .ok_or_else(|| refused("read", format!("there are no records of kind {kind}")))
}

/// Reads one object as it is now.
pub(super) async fn fetch(client: &Client, key: &ObjectKey) -> Result<Change, ProviderError> {
    let resource = find(&key.kind)?;
    let id = path_segment(&key.id);
    let reply = client.get(resource.fetch, format!("{}/{id}", resource.path)).await;
    let reply = reply.map_err(|error| if is_source(key) { not_gone(error) } else { error })?;
    let text = text_of(resource.fetch, &reply)?;
    whole_change(client, resource.fetch, &key.kind, text, reply.as_of.into()).await
}

/// A card, bank account or source from before payment methods. Most can be read as payment methods, too, but not all.
fn is_source(key: &ObjectKey) -> bool {
    key.kind == PAYMENT_METHOD && ["card_", "ba_", "src_"].iter().any(|prefix| key.id.starts_with(prefix))
}

/// "There is no such payment method" says nothing about a source.
fn not_gone(error: ProviderError) -> ProviderError {
    if error.kind == ErrorKind::Gone { ProviderError { kind: ErrorKind::NotFound, ..error } } else { error }
}

/// The changes of an event whose lists were cut.
pub(super) async fn complete_event(
    client: &Client,
    event_type: &str,
    body: &[u8],
) -> Result<Vec<Change>, ProviderError> {
    let (kind, object, version) = project::completed(event_type, body)
        .ok_or_else(|| refused("complete", format!("{event_type} has no object whose lists could be read")))?;
    let mut changes = vec![whole_change(client, "complete", &kind, object.get(), version).await?];
    if event_type == project::ACTION_REQUIRED {
        let invoice = changes[0].key.id.clone();
        changes.extend(payments(client, &invoice).await?);
    }
    Ok(changes)
}

/// What an action answered, with the lists inside of it read to their ends. The action is done, whatever becomes of that:
/// its webhook brings the rest, too.
pub(super) async fn answered(
    client: &Client,
    operation: &'static str,
    kind: &Kind,
    reply: &Reply,
) -> Result<Change, ProviderError> {
    let object = text_of(operation, reply)?;
    match whole_change(client, operation, kind, object, reply.as_of.into()).await {
        Ok(change) => Ok(change),
        Err(error) => {
            let cut = change(operation, kind, reply)?;
            tracing::warn!(operation, object = %cut.key, %error, "the answer's lists were not read to their ends");
            Ok(owned(client, cut))
        }
    }
}

/// Whose organization a connected account's objects name is not ours to know.
fn owned(client: &Client, change: Change) -> Change {
    if client.account().is_some() { project::disowned(change) } else { change }
}

/// An object as a change, with the lists inside of it read to their ends.
async fn whole_change(
    client: &Client,
    operation: &'static str,
    kind: &Kind,
    object: &str,
    version: Version,
) -> Result<Change, ProviderError> {
    let read = |error| unreadable(operation, &error);
    if !types::Cut::of(object).map_err(read)?.is_cut() {
        return Ok(owned(client, project::change(kind, object, version).map_err(read)?));
    }
    let mut whole: Value = serde_json::from_str(object).map_err(read)?;
    let id = whole["id"].as_str().unwrap_or_default().to_owned();
    for (list, path) in [
        ("lines", format!("/v1/invoices/{}/lines?limit={PAGE}", path_segment(&id))),
        ("items", format!("/v1/subscription_items?subscription={}&limit={PAGE}", path_segment(&id))),
    ] {
        while whole[list]["has_more"] == true {
            let held = whole[list]["data"].as_array_mut();
            let Some((held, last)) = held.and_then(|held| {
                let last = held.last()?["id"].as_str()?.to_owned();
                Some((held, last))
            }) else {
                return Err(refused(operation, "a list is cut, and its entries have no ids to go on from"));
            };
            let reply = client.get(LISTS, format!("{path}&starting_after={}", path_segment(&last))).await?;
            let mut rest: types::List<Value> = parse(LISTS, &reply)?;
            // The page may hold what is there already: nothing is counted twice.
            rest.data.retain(|entry| !held.iter().any(|one| one["id"] == entry["id"]));
            let (more, found) = (rest.has_more, !rest.data.is_empty());
            held.append(&mut rest.data);
            if more && !found {
                return Err(refused(operation, "a list does not come to its end"));
            }
            whole[list]["has_more"] = more.into();
        }
    }
    Ok(owned(client, project::change(kind, &whole.to_string(), version).map_err(read)?))
}

fn text_of<'a>(operation: &'static str, reply: &'a Reply) -> Result<&'a str, ProviderError> {
    std::str::from_utf8(&reply.body)
        .map_err(|_| ProviderError::new(NAME, operation, ErrorKind::Unreadable, "the answer is not UTF-8"))
}

/// The one object in an answer, as a change.
pub(super) fn change(operation: &'static str, kind: &Kind, reply: &Reply) -> Result<Change, ProviderError> {
    project::change(kind, text_of(operation, reply)?, reply.as_of.into()).map_err(|error| unreadable(operation, &error))
}

/// Where a list goes on: after the first of these ids that is still there.
struct Trail(Vec<String>);

impl Trail {
    /// From the end of a page back: near its end every id, further away fewer.
    const STEPS: [usize; 7] = [0, 1, 3, 7, 15, 31, 63];

    fn of(cursor: Option<&str>) -> Self {
        let read = |cursor: &str| serde_json::from_str(cursor).unwrap_or_else(|_| vec![cursor.to_owned()]);
        Self(cursor.map(read).unwrap_or_default())
    }

    /// After a page with these ids, which came after `self`.
    fn then(&self, ids: &[String]) -> Self {
        let ids = Self::STEPS.iter().filter_map(|step| ids.iter().rev().nth(*step));
        Self(ids.chain(self.0.iter().take(Self::STEPS.len())).cloned().collect())
    }

    fn cursor(self) -> String {
        Value::from(self.0).to_string()
    }
}

/// Reads one page of a kind. The cursor is the trail of the ids before; for payment methods, of customers'.
pub(super) async fn list(client: &Client, kind: &Kind, cursor: Option<&str>) -> Result<ListPage, ProviderError> {
    let (resource, trail) = (find(kind)?, Trail::of(cursor));
    if *kind == PAYMENT_METHOD {
        return payment_methods(client, resource, &trail).await;
    }
    let page = page(client, resource.list, resource.path, PAGE, &trail, resource.list_query).await?;
    let mut changes = Vec::with_capacity(page.objects.len());
    for object in &page.objects {
        changes.extend(Box::pin(listed(client, resource, object, page.version)).await?);
    }
    Ok(ListPage { changes, next: page.next.map(Trail::cursor) })
}

/// One object of a list. None when it went before it was read whole.
async fn listed(
    client: &Client,
    resource: &Resource,
    object: &RawValue,
    version: Version,
) -> Result<Option<Change>, ProviderError> {
    let change = whole_change(client, resource.list, &resource.kind, object.get(), version).await;
    let Err(error) = change else { return change.map(Some) };
    if error.code.as_deref() != Some(MISSING) {
        return Err(error);
    }
    // It, or an entry of a list inside of it, is gone by now.
    let key = ObjectKey::new(resource.kind.clone(), head(resource.list, object)?.id);
    match fetch(client, &key).await {
        Err(error) if error.says_gone(&key.id) => Ok(None),
        answer => answer.map(Some),
    }
}

/// How an invoice is paid: its payments, and the payment intents that they are made with.
pub(super) async fn payments(client: &Client, invoice: &str) -> Result<Vec<Change>, ProviderError> {
    let resource = find(&INVOICE_PAYMENT)?;
    let query = format!("&invoice={}", path_segment(invoice));
    let found = page(client, resource.list, resource.path, PAGE, &Trail::of(None), &query).await?;
    let mut changes = Vec::new();
    for object in &found.objects {
        let payment = found.change(resource.list, &INVOICE_PAYMENT, object)?;
        let State::Present { body, .. } = &payment.state else { continue };
        let intent = body["payment_intent"].as_str().map(|id| ObjectKey::new(PAYMENT_INTENT, id));
        changes.push(payment);
        if let Some(intent) = intent {
            changes.push(Box::pin(fetch(client, &intent)).await?);
        }
    }
    Ok(changes)
}

/// All payment methods of the next few customers. Those of a customer who is gone by now are passed over.
async fn payment_methods(client: &Client, resource: &Resource, trail: &Trail) -> Result<ListPage, ProviderError> {
    let customers = page(client, "customers.list", CUSTOMERS, CUSTOMERS_PER_PAGE, trail, "").await?;
    let mut changes = Vec::new();
    for customer in &customers.objects {
        let id = head(resource.list, customer)?.id;
        let path = format!("{CUSTOMERS}/{}/payment_methods", path_segment(&id));
        let mut next = Some(Trail::of(None));
        while let Some(trail) = next {
            let methods = match page(client, resource.list, &path, PAGE, &trail, "").await {
                Err(error) if error.says_missing(&id) => break,
                answer => answer?,
            };
            for object in &methods.objects {
                changes.push(methods.change(resource.list, &PAYMENT_METHOD, object)?);
            }
            next = methods.next;
        }
    }
    Ok(ListPage { changes, next: customers.next.map(Trail::cursor) })
}

/// Reads the least that proves that a kind can be listed.
pub(super) async fn probe(client: &Client, kind: &Kind) -> Result<(), ProviderError> {
    let (resource, start) = (find(kind)?, Trail::of(None));
    if *kind != PAYMENT_METHOD {
        return page(client, resource.list, resource.path, 1, &start, resource.list_query).await.map(drop);
    }
    let customers = page(client, "customers.list", CUSTOMERS, 1, &start, "").await?;
    let Some(customer) = customers.objects.first() else { return Ok(()) };
    let id = head(resource.list, customer)?.id;
    let path = format!("{CUSTOMERS}/{}/payment_methods", path_segment(&id));
    match page(client, resource.list, &path, 1, &start, "").await {
        Err(error) if error.says_missing(&id) => Ok(()),
        answer => answer.map(drop),
    }
}

struct Page {
    objects: Vec<Box<RawValue>>,
    version: Version,
    next: Option<Trail>,
}

impl Page {
    fn change(&self, operation: &'static str, kind: &Kind, object: &RawValue) -> Result<Change, ProviderError> {
        project::change(kind, object.get(), self.version).map_err(|error| unreadable(operation, &error))
    }
}

/// Goes on after the last object of the page before, or after one before that, where objects are gone by now. Without
/// any that is still there, Stripe's word about the last one is the answer.
async fn page(
    client: &Client,
    operation: &'static str,
    path: &str,
    limit: usize,
    trail: &Trail,
    query: &str,
) -> Result<Page, ProviderError> {
    let mut gone = None;
    for id in &trail.0 {
        let after = format!("&starting_after={}", path_segment(id));
        match client.get(operation, format!("{path}?limit={limit}{after}{query}")).await {
            Err(error) if error.says_missing(id) => gone = Some(error),
            answer => return read_page(operation, &answer?, trail),
        }
    }
    match gone {
        Some(error) => Err(error),
        None => read_page(operation, &client.get(operation, format!("{path}?limit={limit}{query}")).await?, trail),
    }
}

fn read_page(operation: &'static str, reply: &Reply, trail: &Trail) -> Result<Page, ProviderError> {
    let found: types::List<Box<RawValue>> = parse(operation, reply)?;
    let ids = found.data.iter().map(|object| head(operation, object).map(|head| head.id));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    if found.has_more && ids.is_empty() {
        return Err(refused(operation, "the list says that there is more and gives nothing"));
    }
    let next = found.has_more.then(|| trail.then(&ids));
    Ok(Page { objects: found.data, version: reply.as_of.into(), next })
}

fn head(operation: &'static str, object: &RawValue) -> Result<types::Head, ProviderError> {
    serde_json::from_str(object.get()).map_err(|error| unreadable(operation, &error))
}

/// Products and old prices may have ids that their owner made up, so ids are encoded rather than refused.
fn path_segment(id: &str) -> String {
    match checked_id("read", id) {
        Ok(id) => id.to_owned(),
        // Form encoding, with the one difference that paths have.
        Err(_) => url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20"),
    }
}
