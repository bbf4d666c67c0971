//! Reads objects: one, or all of a kind page by page. All kinds follow the same scheme, so a table says it all.

use super::{
    NAME,
    client::{Client, MISSING, checked_id, parse, refused, unreadable},
    project, types,
};
use crate::{
    error::{ErrorKind, ProviderError},
    gateway::Reply,
    provider::ListPage,
};
use patchbay_domain::{
    Change, Kind, ObjectKey, Version,
    billing::{CUSTOMER, INVOICE, INVOICE_PAYMENT, PAYMENT_INTENT, PAYMENT_METHOD, PRICE, PRODUCT, SUBSCRIPTION},
};
use serde_json::value::RawValue;

/// Stripe's maximum.
const PAGE: usize = 100;
/// Payment methods are read customer by customer; this many customers make one page.
const CUSTOMERS_PER_PAGE: usize = 20;

struct Resource {
    kind: Kind,
    path: &'static str,
    /// Names of the operations.
    fetch: &'static str,
    list: &'static str,
    /// Added to the query of a list.
    list_query: &'static str,
}

/// Without `status=all`, cancelled subscriptions are left out.
static RESOURCES: [Resource; 8] = [
    Resource { kind: PRODUCT, path: "/v1/products", fetch: "products.retrieve", list: "products.list", list_query: "" },
    Resource { kind: PRICE, path: "/v1/prices", fetch: "prices.retrieve", list: "prices.list", list_query: "" },
    Resource {
        kind: CUSTOMER,
        path: "/v1/customers",
        fetch: "customers.retrieve",
        list: "customers.list",
        list_query: "",
    },
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

/// Reads one object as it is now. Gone is what Stripe calls `resource_missing`; any other 404 stays an error.
pub(super) async fn fetch(client: &Client, key: &ObjectKey) -> Result<Change, ProviderError> {
    let resource = find(&key.kind)?;
    let id = path_segment(&key.id);
    match client.get(resource.fetch, format!("{}/{id}", resource.path)).await {
        Ok(reply) => change(resource.fetch, &key.kind, &reply),
        Err(error) if is_missing(&error) => Ok(Change::deleted(key.clone(), client.gateway().clock().now())),
        Err(error) => Err(error),
    }
}

pub(super) fn is_missing(error: &ProviderError) -> bool {
    error.kind == ErrorKind::NotFound && error.code.as_deref() == Some(MISSING)
}

/// The one object in an answer, as a change.
pub(super) fn change(operation: &'static str, kind: &Kind, reply: &Reply) -> Result<Change, ProviderError> {
    let text = std::str::from_utf8(&reply.body)
        .map_err(|_| ProviderError::new(NAME, operation, ErrorKind::Unreadable, "the answer is not UTF-8"))?;
    project::change(kind, text, reply.as_of.into()).map_err(|error| unreadable(operation, &error))
}

/// Reads one page of a kind. The cursor is the last id of the page before; for payment methods, a customer's.
pub(super) async fn list(client: &Client, kind: &Kind, cursor: Option<&str>) -> Result<ListPage, ProviderError> {
    let resource = find(kind)?;
    if *kind == PAYMENT_METHOD {
        return payment_methods(client, resource, cursor).await;
    }
    let page = page(client, resource.list, resource.path, PAGE, cursor, resource.list_query).await?;
    let changes =
        page.objects.iter().map(|object| page.change(resource.list, kind, object)).collect::<Result<_, _>>()?;
    Ok(ListPage { changes, next: page.next })
}

/// All payment methods of the next few customers.
async fn payment_methods(client: &Client, resource: &Resource, after: Option<&str>) -> Result<ListPage, ProviderError> {
    let customers = page(client, "customers.list", "/v1/customers", CUSTOMERS_PER_PAGE, after, "").await?;
    let mut changes = Vec::new();
    for customer in &customers.objects {
        let id = head(resource.list, customer)?.id;
        let path = format!("/v1/customers/{}/payment_methods", path_segment(&id));
        let mut cursor = None;
        loop {
            let methods = page(client, resource.list, &path, PAGE, cursor.as_deref(), "").await?;
            for object in &methods.objects {
                changes.push(methods.change(resource.list, &PAYMENT_METHOD, object)?);
            }
            cursor = methods.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(ListPage { changes, next: customers.next })
}

struct Page {
    objects: Vec<Box<RawValue>>,
    version: Version,
    next: Option<String>,
}

impl Page {
    fn change(&self, operation: &'static str, kind: &Kind, object: &RawValue) -> Result<Change, ProviderError> {
        project::change(kind, object.get(), self.version).map_err(|error| unreadable(operation, &error))
    }
}

async fn page(
    client: &Client,
    operation: &'static str,
    path: &str,
    limit: usize,
    after: Option<&str>,
    query: &str,
) -> Result<Page, ProviderError> {
    let after = after.map(|id| format!("&starting_after={}", path_segment(id))).unwrap_or_default();
    let reply = client.get(operation, format!("{path}?limit={limit}{after}{query}")).await?;
    let found: types::List<Box<RawValue>> = parse(operation, &reply)?;
    let next = match found.data.last() {
        Some(last) if found.has_more => Some(head(operation, last)?.id),
        _ => None,
    };
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
