//! What a restricted key may do. Reading and writing are a permission each, by resource; writing includes reading.

use axum::http::Method;

/// Where requests go, the resource in the names of permissions, and in words. Prices are still called plans there.
const RESOURCES: [(&str, &str, &str); 27] = [
    ("account", "accounts_kyc_basic", "Account"),
    ("accounts", "connected_account", "Connected accounts"),
    ("balance", "balance", "Balance"),
    ("billing_portal", "customer_portal", "Customer portal"),
    ("charges", "charge", "Charges"),
    ("checkout", "checkout_session", "Checkout Sessions"),
    ("coupons", "coupon", "Coupons"),
    ("credit_notes", "credit_note", "Credit notes"),
    ("customers", "customer", "Customers"),
    ("disputes", "dispute", "Disputes"),
    ("events", "event", "Events"),
    ("invoice_payments", "invoice", "Invoices"),
    ("invoiceitems", "invoice", "Invoices"),
    ("invoices", "invoice", "Invoices"),
    ("payment_intents", "payment_intent", "PaymentIntents"),
    ("payment_methods", "payment_method", "PaymentMethods"),
    ("payouts", "payout", "Payouts"),
    ("plans", "plan", "Prices"),
    ("prices", "plan", "Prices"),
    ("products", "product", "Products"),
    ("promotion_codes", "promotion_code", "Promotion codes"),
    ("refunds", "charge", "Charges"),
    ("setup_intents", "setup_intent", "SetupIntents"),
    ("sources", "source", "Sources"),
    ("subscription_items", "subscription", "Subscriptions"),
    ("subscription_schedules", "subscription", "Subscriptions"),
    ("subscriptions", "subscription", "Subscriptions"),
];

/// Those of the resources that the sandbox's page lets one take away.
const SHOWN: [&str; 14] = [
    "accounts_kyc_basic",
    "balance",
    "checkout_session",
    "connected_account",
    "customer",
    "customer_portal",
    "event",
    "invoice",
    "payment_intent",
    "payment_method",
    "plan",
    "product",
    "source",
    "subscription",
];

/// The permissions that can be taken from a key: name and words.
pub(crate) fn all() -> impl Iterator<Item = (String, String)> {
    let words =
        |resource: &str| RESOURCES.iter().find(|(_, name, _)| *name == resource).map_or("", |(.., words)| words);
    SHOWN.into_iter().flat_map(move |resource| {
        [("read", "read"), ("write", "write")]
            .map(|(kind, word)| (format!("rak_{resource}_{kind}"), format!("{}: {word}", words(resource))))
    })
}

/// The permission that a request needs; none where the API has no such address.
pub(crate) fn needed(method: &Method, path: &str) -> Option<String> {
    let mut parts = path.split('/');
    let first = parts.next()?;
    // What belongs to a customer and is a resource of its own has its own permission.
    let below = parts.nth(1).filter(|_| first == "customers");
    let find = |part: &str| RESOURCES.iter().find(|(at, ..)| *at == part).map(|(_, resource, _)| *resource);
    let resource = below.and_then(find).or_else(|| find(first))?;
    // A preview saves nothing.
    let reads = method == Method::GET || path == "invoices/create_preview";
    Some(format!("rak_{resource}_{}", if reads { "read" } else { "write" }))
}

/// Whether a key without the permissions `lacking` has this one.
pub(crate) fn has(lacking: &[String], permission: &str) -> bool {
    let reading = permission.replace("_write", "_read");
    !lacking.iter().any(|one| one == permission || *one == reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_needs_the_permission_of_its_resource() {
        for (method, path, permission) in [
            (Method::GET, "customers", "rak_customer_read"),
            (Method::GET, "customers/cus_1/payment_methods", "rak_payment_method_read"),
            (Method::GET, "customers/cus_1/sources", "rak_source_read"),
            (Method::POST, "customers/cus_1", "rak_customer_write"),
            (Method::DELETE, "subscriptions/sub_1", "rak_subscription_write"),
            (Method::GET, "prices/price_1", "rak_plan_read"),
            (Method::POST, "invoices/create_preview", "rak_invoice_read"),
            (Method::POST, "checkout/sessions", "rak_checkout_session_write"),
        ] {
            assert_eq!(needed(&method, path).as_deref(), Some(permission), "{path}");
        }
        assert_eq!(needed(&Method::GET, "nowhere"), None);
    }

    #[test]
    fn who_may_not_read_may_not_write() {
        let lacking = ["rak_customer_read".to_owned(), "rak_plan_write".to_owned()];
        assert!(!has(&lacking, "rak_customer_read") && !has(&lacking, "rak_customer_write"));
        assert!(has(&lacking, "rak_plan_read") && !has(&lacking, "rak_plan_write"));
        assert!(all().all(|(name, words)| has(&[], &name) && !words.starts_with(':')));
    }
}
