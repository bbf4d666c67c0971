//! What happens to an event: once, again later, or never.

use crate::world::World;
use patchbay_domain::{Principal, Role, billing, event::EventState};
use patchbay_engine::{IngestError, Retention};
use patchbay_providers::Rejection;
use patchbay_store::{CallFilter, EventFilter, PageRequest, RecordFilter};
use serde_json::json;
use std::time::Duration;

async fn created_customer(world: &World) -> serde_json::Value {
    world.post("customers", &[("name", "Ada")], Duration::from_secs(5)).await;
    let events = world.events().await;
    events.into_iter().find(|event| event["type"] == "customer.created").unwrap()
}

async fn states(engine: &patchbay_engine::Engine) -> Vec<EventState> {
    let page = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    page.items.iter().map(|event| event.state).collect()
}

#[tokio::test]
async fn a_delivery_sent_twice_is_one_event_and_one_effect() {
    let world = World::new().await;
    let engine = world.engine().await;
    let event = created_customer(&world).await;
    world.deliver(&engine, &event).await.unwrap();
    world.deliver(&engine, &event).await.unwrap();
    engine.drain().await.unwrap();
    assert_eq!(states(&engine).await, [EventState::Processed]);
    let customers =
        engine.store().list_records(&RecordFilter::of(billing::CUSTOMER), &PageRequest::default()).await.unwrap();
    assert_eq!(customers.items.len(), 1);
    assert_eq!(customers.items[0].index.title, "Ada");
}

#[tokio::test]
async fn a_tampered_body_is_rejected_and_nothing_is_stored() {
    let world = World::new().await;
    let engine = world.engine().await;
    let mut body = serde_json::to_vec(&created_customer(&world).await).unwrap();
    let headers = world.signed(&body);
    let at = body.iter().position(|byte| *byte == b'A').unwrap();
    body[at] = b'B';
    let refused = world.deliver_raw(&engine, &headers, body).await.unwrap_err();
    assert!(matches!(refused, IngestError::Rejected(Rejection::SignatureMismatch)), "{refused}");
    assert_eq!(states(&engine).await, []);
}

#[tokio::test]
async fn an_unknown_event_type_is_kept_and_acknowledged() {
    let world = World::new().await;
    let engine = world.engine().await;
    let event = json!({
        "id": "evt_new_kind", "object": "event", "type": "moon.landed", "created": world.clock.now().seconds(),
        "livemode": false, "data": { "object": { "id": "moon_1", "object": "moon" } },
    });
    world.deliver(&engine, &event).await.unwrap();
    engine.drain().await.unwrap();
    assert_eq!(states(&engine).await, [EventState::Skipped]);
}

#[tokio::test]
async fn an_event_nobody_can_read_is_a_dead_letter_and_a_replay_brings_it_back() {
    let world = World::new().await;
    let engine = world.engine().await;
    let event = json!({
        "id": "evt_broken", "object": "event", "type": "customer.updated", "created": world.clock.now().seconds(),
        "livemode": false, "data": { "object": { "id": "cus_1", "object": "customer", "created": "not a number" } },
    });
    world.deliver(&engine, &event).await.unwrap();
    engine.drain().await.unwrap();
    assert_eq!(states(&engine).await, [EventState::Dead]);
    let listed = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    assert!(
        listed.items[0].error.as_deref().is_some_and(|error| error.contains("Stripe")),
        "{:?}",
        listed.items[0].error
    );

    assert_eq!(engine.store().replay_events(&[listed.items[0].id]).await.unwrap(), 1);
    assert_eq!(states(&engine).await, [EventState::Pending]);
}

#[tokio::test]
async fn a_replayed_event_that_is_older_than_its_record_changes_nothing() {
    let world = World::new().await;
    let engine = world.engine().await;
    let customer = world.post("customers", &[("name", "Before")], Duration::from_secs(5)).await;
    world
        .post(&format!("customers/{}", customer["id"].as_str().unwrap()), &[("name", "After")], Duration::from_secs(5))
        .await;
    for event in world.events().await {
        world.deliver(&engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
    let all = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    let created = all.items.iter().find(|event| event.event_type == "customer.created").unwrap();
    engine.store().replay_events(&[created.id]).await.unwrap();
    engine.drain().await.unwrap();
    let customers =
        engine.store().list_records(&RecordFilter::of(billing::CUSTOMER), &PageRequest::default()).await.unwrap();
    assert_eq!(customers.items[0].index.title, "After");
}

#[tokio::test]
async fn no_event_overtakes_one_of_its_object_that_is_put_off() {
    let mut world = World::new().await;
    // Nobody listens there: what has to be read again from Stripe has to wait.
    world.variables.insert("STRIPE_API_BASE".to_owned(), "http://127.0.0.1:1".to_owned());
    let engine = world.engine().await;
    let now = world.clock.now().seconds();
    // The first two carry the same second and differ: only Stripe knows which is the later one.
    for (id, created, name) in [("evt_1", now, "One"), ("evt_2", now, "Two"), ("evt_3", now + 1, "Three")] {
        let event = json!({
            "id": id, "object": "event", "type": "customer.updated", "created": created, "livemode": false,
            "data": { "object": { "id": "cus_1", "object": "customer", "created": 1_700_000_000, "name": name } },
        });
        world.deliver(&engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
    let page = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    let tried: Vec<_> =
        page.items.iter().map(|event| (event.external_id.as_str(), event.state, event.attempts)).collect();
    assert_eq!(
        tried,
        [("evt_3", EventState::Pending, 0), ("evt_2", EventState::Pending, 1), ("evt_1", EventState::Processed, 1)]
    );
}

#[tokio::test]
async fn a_connection_whose_provider_does_not_answer_holds_up_no_other() {
    let world = World::new().await;
    // Calls are taken, and never answered.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut slow = world.variables.clone();
    slow.insert("STRIPE_API_BASE".to_owned(), format!("http://{}", silent.local_addr().unwrap()));
    let connections = [("a-slow-one", &slow), ("stripe", &world.variables)];
    let engine = world.engine_with(&connections, Retention::default()).await;
    let customer = world.post("customers", &[("name", "Ada")], Duration::ZERO).await;
    let now = world.clock.now().seconds();
    // Two of one second that differ: only the provider knows which is the later one.
    let tie = |object: &str| {
        ["One", "Two"].map(|name| {
            json!({
                "id": format!("evt_{object}_{name}"), "object": "event", "type": "customer.updated", "created": now,
                "livemode": false,
                "data": { "object": { "id": object, "object": "customer", "created": 1_700_000_000, "name": name } },
            })
        })
    };
    for number in 0..20 {
        for event in tie(&format!("cus_{number}")) {
            world.deliver_to(&engine, "a-slow-one", &event).await.unwrap();
        }
    }
    for event in tie(customer["id"].as_str().unwrap()) {
        world.deliver(&engine, &event).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(5));
    engine.file_all().await.unwrap();
    let working = tokio::spawn({
        let engine = engine.clone();
        async move { engine.work().await }
    });
    let states_of = async |connection: &str| {
        let filter = EventFilter { connection: Some(connection.to_owned()), ..EventFilter::default() };
        let page = engine.store().list_events(&filter, &PageRequest { limit: 100, ..PageRequest::default() }).await;
        page.unwrap().items.iter().map(|event| event.state).collect::<Vec<_>>()
    };
    // Less than a call may take.
    let in_time = tokio::time::timeout(Duration::from_secs(5), async {
        while states_of("stripe").await != [EventState::Processed; 2] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(in_time.await.is_ok(), "{:?}", states_of("stripe").await);
    assert!(states_of("a-slow-one").await.contains(&EventState::Pending));
    working.abort();
}

#[tokio::test]
async fn what_is_outdated_is_dropped_but_for_what_is_not_done() {
    const DAY: Duration = Duration::from_hours(24);
    let world = World::new().await;
    let kept = Retention { events: Some(7 * DAY), history: Some(14 * DAY), calls: None };
    let engine = world.engine_that_keeps(kept).await;
    let deliver = async |id: &str, created: serde_json::Value| {
        let event = json!({
            "id": id, "object": "event", "type": "customer.updated", "created": world.clock.now().seconds(),
            "livemode": false, "data": { "object": { "id": id.replace("evt", "cus"), "object": "customer", "created": created } },
        });
        world.deliver(&engine, &event).await.unwrap();
        engine.drain().await.unwrap();
    };
    let ids = async || {
        let page = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
        page.items.into_iter().map(|event| event.external_id).collect::<Vec<_>>()
    };
    deliver("evt_old", json!(1)).await;
    deliver("evt_dead", json!("not a number")).await;
    world.clock.advance(7 * DAY);
    deliver("evt_new", json!(1)).await;
    assert_eq!(engine.drop_outdated().await.unwrap(), 0, "it is just as old as it may be");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(engine.drop_outdated().await.unwrap(), 1);
    assert_eq!(ids().await, ["evt_new", "evt_dead"]);
    let customers = RecordFilter::of(billing::CUSTOMER);
    assert_eq!(engine.store().list_records(&customers, &PageRequest::default()).await.unwrap().items.len(), 2);
    world.clock.advance(7 * DAY);
    assert_eq!(engine.drop_outdated().await.unwrap(), 2, "an event, and what is known of the first record's past");
    assert_eq!(engine.store().list_records(&customers, &PageRequest::default()).await.unwrap().items.len(), 2);
    assert_eq!(ids().await, ["evt_dead"]);
}

#[tokio::test]
async fn a_call_to_a_provider_is_news_once_it_is_listed() {
    let world = World::new().await;
    let engine = world.engine().await;
    let staff = Principal::new("user_1", "Ada", Role::StaffViewer);
    let mut news = engine.live(&staff, &["calls".to_owned()]).await.unwrap();
    engine.connection("stripe").unwrap().health().await.unwrap();
    let message = news.next().await.unwrap();
    assert_eq!(message.topic, "calls");
    let listed = engine.store().list_calls(&CallFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(listed.items[0].id.to_string(), message.id);
}
