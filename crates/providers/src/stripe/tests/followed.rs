//! Connected accounts that are followed on purpose, and sources from before payment methods.

use super::wire::{Server, stripe, stripe_with};
use crate::{
    Connection, NamedConnection, Projection, Read as _, Received, Unverified, Webhooks as _, error::ErrorKind, gone,
    stripe::connection::Stripe,
};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use patchbay_domain::{
    Change, ObjectKey, State, Timestamp,
    billing::{CUSTOMER, PAYMENT_METHOD},
};
use serde_json::{Value, json};

const CUSTOMER_OF: &str = r#"{"id":"cus_1","object":"customer","metadata":{"organisation_id":"org_victim"}}"#;

async fn platform(answers: &[(u16, &str)]) -> (Stripe, NamedConnection, Server) {
    let (stripe, server) = stripe_with(&[("STRIPE_FOLLOW_ACCOUNTS", "acct_theirs, acct_more")], answers).await;
    let followed = stripe.followed().into_iter().find(|followed| followed.name == "stripe@acct_theirs").unwrap();
    (stripe, followed, server)
}

fn organisation(change: &Change) -> (Option<&str>, &Value) {
    let State::Present { index, body } = &change.state else { panic!("present") };
    (index.organisation.as_deref(), &body["organisation"])
}

fn event(more: &Value) -> Vec<u8> {
    let object: Value = serde_json::from_str(CUSTOMER_OF).unwrap();
    let mut event = json!({"id": "evt_1", "type": "customer.updated", "created": 5, "data": {"object": object}});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string().into_bytes()
}

#[tokio::test]
async fn requests_of_a_followed_account_name_it_and_the_platform_s_own_do_not() {
    let (own, followed, server) = platform(&[(200, CUSTOMER_OF), (200, CUSTOMER_OF)]).await;
    let key = ObjectKey::new(CUSTOMER, "cus_1");
    let theirs = followed.connection.readable().unwrap().fetch(&key).await.unwrap();
    let ours = own.fetch(&key).await.unwrap();
    let seen = server.seen.lock().unwrap();
    let accounts: Vec<_> = seen.iter().map(|seen| seen.header("stripe-account")).collect();
    assert_eq!(accounts, [Some("acct_theirs"), None]);
    assert_eq!(organisation(&ours).0, Some("org_victim"));
    assert_eq!(organisation(&theirs), (None, &Value::Null), "a stranger's metadata makes nobody's customer");
}

#[tokio::test]
async fn what_an_action_answers_in_a_followed_account_makes_nobody_s_customer() {
    let (_, followed, _server) = platform(&[(200, CUSTOMER_OF)]).await;
    let billing = followed.connection.billing().unwrap();
    let change = billing.set_default_payment_method("cus_1", "pm_1", "key").await.unwrap();
    assert_eq!(organisation(&change), (None, &Value::Null));
}

#[tokio::test]
async fn a_followed_account_records_its_own_events_alone() {
    let (own, followed, _server) = platform(&[]).await;
    own.remember_identity("acct_ours");
    let of = |connection: &dyn Connection, more: Value| {
        connection.project().unwrap().event("customer.updated", &event(&more)).unwrap()
    };
    let Projection::Changes(changes) = of(followed.connection.as_ref(), json!({"account": "acct_theirs"})) else {
        panic!("its own event is not recorded")
    };
    assert_eq!(organisation(&changes[0]), (None, &Value::Null));
    for other in [json!({}), json!({"account": "acct_more"}), json!({"account": "acct_ours"})] {
        assert!(matches!(of(followed.connection.as_ref(), other.clone()), Projection::SetAside(_)), "{other}");
    }
    assert!(matches!(of(&own, json!({"account": "acct_theirs"})), Projection::SetAside(_)));
    assert!(matches!(of(&own, json!({})), Projection::Changes(_)));
}

#[tokio::test]
async fn a_delivery_goes_to_the_followed_account_that_it_names() {
    let (own, _, _server) = platform(&[]).await;
    for (more, recipient) in [
        (json!({"account": "acct_theirs"}), Some("stripe@acct_theirs")),
        (json!({"context": "org_1/acct_more"}), Some("stripe@acct_more")),
        (json!({"account": "acct_unknown"}), None),
        (json!({"account": 7}), None),
        (json!({}), None),
    ] {
        let body = event(&more);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_a").unwrap();
        mac.update(b"9.");
        mac.update(&body);
        let signature = format!("t=9,v1={}", hex::encode(mac.finalize().into_bytes()));
        let headers = HeaderMap::from_iter([("stripe-signature".parse().unwrap(), signature.parse().unwrap())]);
        let unverified = Unverified::posted(&headers, &body);
        let verified = own.verify(unverified, Timestamp::from_seconds(9)).unwrap();
        let Received::Events { events, .. } = own.receive(&verified).unwrap() else { panic!("it is a handshake") };
        assert_eq!(events[0].recipient.as_deref(), recipient, "{more}");
    }
}

#[tokio::test]
async fn a_source_that_is_no_payment_method_is_not_taken_for_gone() {
    let missing = |id: &str| {
        let message = format!("No such PaymentMethod: '{id}'");
        json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "message": message}}).to_string()
    };
    for id in ["ba_1", "card_1", "src_1"] {
        let (stripe, _server) = stripe(&[(404, &missing(id))]).await;
        let error = gone::read(&stripe, &ObjectKey::new(PAYMENT_METHOD, id)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{id}");
    }
    let (stripe, _server) = stripe(&[(404, &missing("pm_1"))]).await;
    let change = gone::read(&stripe, &ObjectKey::new(PAYMENT_METHOD, "pm_1")).await.unwrap();
    assert_eq!(change.state, State::Deleted);
}
