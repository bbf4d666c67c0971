//! Where the fuzzer starts: official vectors and objects, and their usual variations.

use crate::{delivery::CANARY, session};
use serde_json::{Value, json};

const STRIPE_BODIES: [&str; 5] = [
    include_str!("../../providers/src/stripe/fixtures/subscription.updated.json"),
    include_str!("../../providers/src/stripe/fixtures/subscription.old.json"),
    include_str!("../../providers/src/stripe/fixtures/invoice.paid.json"),
    include_str!("../../providers/src/stripe/fixtures/invoice.old.json"),
    include_str!("../../providers/src/stripe/fixtures/thin.json"),
];
const MUX_READY: &str = include_str!("../../providers/src/mux/fixtures/asset.ready.json");
const MUX_PAGE: &str = include_str!("../../providers/src/mux/fixtures/assets.json");
const TOKENS: [&str; 4] = [
    include_str!("../../providers/src/clerk/fixtures/valid.jwt"),
    include_str!("../../providers/src/clerk/fixtures/expired.jwt"),
    include_str!("../../providers/src/clerk/fixtures/invalid_signature.jwt"),
    include_str!("../../providers/src/clerk/fixtures/malformed.jwt"),
];

/// The vector of Stripe's own library, and one of a rotation.
const STRIPE_SIGNED: &str = "1700000000\n\
    t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd\n\
    {\"id\":\"evt_1\",\"object\":\"event\"}";
const STRIPE_ROTATED: &str = "1700000000\n\
    t=1700000000,v1=c15330950069e52feb112c7c495d04bcd2bef3e2784ee078587728d546bb99b6,\
    v1=9119b75c4afa8bb5f71433cb34179a57aa261c58b80b417f1f537251b0cd38a8,v0=6ffb\n\
    {\"id\":\"evt_1\",\"object\":\"event\"}";
/// The vector of Mux's SDK.
const MUX_SIGNED: &str = "1565125718\n\
    t=1565125718,v1=854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7\n\
    {\"test\":\"body\"}";

/// The seeds of a target. `examples` is Stripe's published file of example objects, where it is at hand.
pub fn seeds(target: &str, examples: Option<&Value>) -> Vec<Vec<u8>> {
    let texts = match target {
        "stripe_verify" => deliveries(&[STRIPE_SIGNED, STRIPE_ROTATED]),
        "mux_verify" => deliveries(&[MUX_SIGNED]),
        "stripe_envelope" => stripe_events(examples).into_iter().map(|(_, body)| body).collect(),
        "mux_envelope" => mux_events().into_iter().map(|(_, body)| body).collect(),
        "stripe_project" => typed(stripe_events(examples)),
        "mux_project" => typed(mux_events()),
        "clerk_session" => tokens(),
        "sandbox_form" => forms(),
        other => panic!("there is no target {other}"),
    };
    texts.into_iter().map(String::into_bytes).collect()
}

fn typed(events: Vec<(String, String)>) -> Vec<String> {
    events.into_iter().map(|(event_type, body)| format!("{event_type}\n{body}")).collect()
}

fn deliveries(official: &[&str]) -> Vec<String> {
    let headers = [
        "t=1700000000,v1={0}",
        "t=1700000000,v1={2},v1={1}",
        "t=1700000000,v1={1},v0=6ffb",
        "t=1699999700,v1={0}",
        "t=1699999699,v1={0}",
        "t=1700000301,v1={0}",
        "t=1,t=1700000000,v1={0}",
        "t=1700000000,t=1,v1=<0>,v1={0}",
        " v1={0} , t=1700000000 ",
        "t=9223372036854775807,v1={0}",
        "t=-9223372036854775808,v1={0}",
        "t=1700000000,v1=00,v1=zz,v1=,v2={0}",
        "t=+1700000000,v1={0}",
        "v1=",
        "t=",
        "",
    ];
    let mut seeds: Vec<String> = official.iter().map(|&seed| seed.to_owned()).collect();
    seeds.extend(headers.iter().map(|header| format!("1700000000\n{header}\n{{\"id\":\"evt_1\"}}")));
    seeds.extend(
        ["-9223372036854775808", "9223372036854775807", "-1"].map(|now| format!("{now}\nt=1700000000,v1={{0}}\n{{}}")),
    );
    seeds
}

/// Types and bodies. The bodies of the fixtures are tried as every type of their object.
fn stripe_events(examples: Option<&Value>) -> Vec<(String, String)> {
    let mut events: Vec<(String, String)> =
        STRIPE_BODIES.iter().map(|&body| (type_of(body), body.to_owned())).collect();
    let no_example = Value::Null;
    let resources = &examples.unwrap_or(&no_example)["resources"];
    for event_type in patchbay_providers::stripe::MANIFEST.event_types {
        let (object_type, _) = event_type.rsplit_once('.').unwrap_or((*event_type, ""));
        let name = object_type.replace("customer.", "").replace('.', "_");
        let example = if event_type.ends_with("deleted") { format!("deleted_{name}") } else { name };
        let object = match &resources[&example] {
            Value::Null => small_object(object_type),
            object => object.clone(),
        };
        events.push(((*event_type).to_owned(), event(event_type, &object)));
    }
    let strange = [
        json!({"id": "in_1", "total_taxes": [{"amount": i64::MAX}, {"amount": i64::MIN}], "created": i64::MIN}),
        json!({"id": "cus_1", "email": CANARY, "balance": CANARY, "metadata": {"usage_a": " 7 ", "organisation_id": "o"}}),
        json!({"id": "cus_1", "object": ["customer"], "deleted": true}),
    ];
    for (event_type, object) in
        ["invoice.paid", "customer.updated", "customer.deleted", "invoice.upcoming"].iter().zip(strange.iter().cycle())
    {
        events.push(((*event_type).to_owned(), event(event_type, object)));
    }
    events
        .push((String::new(), format!(r#"{{"id":["{CANARY}"],"type":"{CANARY}","created":"{CANARY}","data":null}}"#)));
    events
}

fn small_object(object_type: &str) -> Value {
    json!({"id": "x_1", "object": object_type, "customer": "cus_1", "subscription": {"id": "sub_1"}, "invoice": "in_1",
        "payment_method": "pm_1", "created": 1_700_000_000, "metadata": {"limit_videos": "3"}, "deleted": null})
}

fn event(event_type: &str, object: &Value) -> String {
    json!({"id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 1_700_000_000,
        "type": event_type, "livemode": false, "pending_webhooks": 1, "data": {"object": object}})
    .to_string()
}

fn type_of(body: &str) -> String {
    let value: Value = serde_json::from_str(body).expect("a fixture is JSON");
    value["type"].as_str().unwrap_or_default().to_owned()
}

fn mux_events() -> Vec<(String, String)> {
    let mut events = vec![(type_of(MUX_READY), MUX_READY.to_owned())];
    let page: Value = serde_json::from_str(MUX_PAGE).expect("a fixture is JSON");
    let assets = page["data"].as_array().cloned().unwrap_or_default();
    let times = [json!("1609869152"), json!(1_609_869_152), json!("2018-02-15T01:04:45.000Z"), json!(1.5)];
    for (index, event_type) in patchbay_providers::mux::MANIFEST.event_types.iter().enumerate() {
        let is_pointer = event_type.matches('.').count() > 2 || event_type.starts_with("video.upload");
        let data = match assets.get(index % assets.len().max(1)) {
            Some(asset) if !is_pointer => asset.clone(),
            _ => json!({"id": "up1", "asset_id": "a1"}),
        };
        let kind = if is_pointer { "upload" } else { "asset" };
        let body = json!({"id": format!("e{index}"), "type": event_type, "created_at": times[index % times.len()],
            "object": {"type": kind, "id": data["id"]}, "data": data});
        events.push(((*event_type).to_owned(), body.to_string()));
    }
    let numbers = json!({"id": "a", "duration": "1e308", "max_stored_frame_rate": -1, "progress": {"progress": 1e300},
        "tracks": [{"max_frame_rate": 23.976}, {"max_frame_rate": -0.0}], "errors": null, "meta": {"title": CANARY}});
    let body =
        json!({"id": "e", "type": "video.asset.updated", "created_at": i64::MIN, "object": null, "data": numbers});
    events.push(("video.asset.updated".to_owned(), body.to_string()));
    events
        .push((String::new(), format!(r#"{{"id":["{CANARY}"],"type":"{CANARY}","created_at":"{CANARY}","data":[]}}"#)));
    events
}

fn tokens() -> Vec<String> {
    let mut seeds: Vec<String> = TOKENS.iter().map(|token| token.trim().to_owned()).collect();
    let now = session::NOW;
    let changes = [
        json!({}),
        json!({"o": {"id": session::STAFF, "rol": "admin"}}),
        json!({"o": {"id": session::STAFF, "rol": "org:support"}}),
        json!({"v": null, "o": null, "org_id": session::STAFF, "org_role": "org:admin", "org_permissions": ["a"]}),
        json!({"v": 1, "o": {"id": session::STAFF, "rol": "admin"}, "org_id": "org_acme"}),
        json!({"exp": now - 4}),
        json!({"exp": now - 5}),
        json!({"exp": i64::MAX, "iat": i64::MIN, "nbf": now + 6}),
        json!({"sts": "pending"}),
        json!({"azp": null}),
        json!({"azp": "https://evil.example.com", "iss": "https://evil.example.com"}),
        json!({"name": {"a": [1]}, "org_name": " "}),
    ];
    for change in &changes {
        let mut claims = session::claims();
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        seeds.push(format!("S\n{}\n{claims}", session::header()));
    }
    for change in [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"crit": ["exp"]}), json!({"kid": "other"})] {
        let mut header = session::header();
        for (name, value) in change.as_object().into_iter().flatten() {
            header[name] = value.clone();
        }
        seeds.push(format!("S\n{header}\n{}", session::claims()));
    }
    seeds
}

fn forms() -> Vec<String> {
    [
        "items%5B0%5D%5Bprice%5D=price_1&items[0][quantity]=2&items[1][price]=price_2&expand[]=customer&expand[]=items&metadata[a]=b&x=",
        "a[b=c",
        "a=1&a[b]=c",
        "a[b]=c&a=1",
        "a[]=1&a[]=2&a[1]=3",
        "a[000001]=x&a[]=y",
        "a[][b]=1&a[][b]=2",
        "a[b][c][d][e][f][g][h]=1&a[b][c][d][e][f][g][h][i]=2",
        "customer=cus_1&mode=subscription&line_items[0][price]=p&line_items[0][quantity]=1&success_url=https%3A%2F%2Fx%2F%3Fa%3Db",
        "=&&=x&%00=%ff&+=+",
    ]
    .map(str::to_owned)
    .to_vec()
}
