//! Deliveries of providers that are not like Stripe: several events in one, a question instead of an event, keys that are
//! fetched, the address in the signature.

use crate::{remade::Remade, world::World};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use patchbay_domain::{ObjectKey, Timestamp, event::Envelope};
use patchbay_engine::{Engine, IngestError};
use patchbay_providers::{
    Connection, ErrorKind, ProviderError, Received, Rejection, Told, Unverified, Verified, Webhooks,
    provider::Answer,
    webhook::{Malformed, Reply},
};
use patchbay_store::{EventFilter, PageRequest};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

/// A provider of a test's own, which signs as Stripe does.
struct Chatty {
    signs: Arc<dyn Connection>,
    seen: Mutex<Vec<String>>,
    has_key: AtomicBool,
    fetches: AtomicU32,
    answer: Result<(), ErrorKind>,
}

impl Chatty {
    fn new(signs: Arc<dyn Connection>, has_key: bool, answer: Result<(), ErrorKind>) -> Arc<Self> {
        let (seen, has_key, fetches) = (Mutex::default(), has_key.into(), AtomicU32::new(0));
        Arc::new(Self { signs, seen, has_key, fetches, answer })
    }
}

impl Webhooks for Chatty {
    fn precheck(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        self.signs.webhooks().unwrap().precheck(headers)
    }

    fn verify<'a>(&self, delivery: Unverified<'a>, now: Timestamp) -> Result<Verified<'a>, Rejection> {
        self.seen.lock().unwrap().push(format!("{} {}", delivery.method, delivery.url));
        if !self.has_key.load(Ordering::SeqCst) {
            return Err(Rejection::UnknownKey("key_1".to_owned()));
        }
        self.signs.webhooks().unwrap().verify(delivery, now)
    }

    fn fetch_key<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            assert_eq!(id, "key_1");
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.answer.map_err(|kind| ProviderError::new("Chatty", "keys", kind, "no key"))?;
            self.has_key.store(true, Ordering::SeqCst);
            Ok(())
        })
    }

    fn receive<'a>(&self, delivery: &Verified<'a>) -> Result<Received<'a>, Malformed> {
        let value: Value = serde_json::from_slice(delivery.body()).map_err(|error| Malformed(error.to_string()))?;
        let reply =
            |status: StatusCode, body: String| Reply { status, content_type: "text/plain", body: Bytes::from(body) };
        if let Some(question) = value["challenge"].as_str() {
            return Ok(Received::Handshake(reply(StatusCode::OK, question.to_owned())));
        }
        let text = std::str::from_utf8(delivery.body()).unwrap();
        let told = |item: &Value| {
            let id = item["id"].as_str().ok_or_else(|| Malformed("no id".to_owned()))?;
            let part = item.to_string();
            // As it stands in the body, where it stands there.
            let body = match text.find(&part) {
                Some(at) => Cow::Borrowed(&delivery.body()[at..at + part.len()]),
                None => Cow::Owned(part.into_bytes()),
            };
            let envelope = Envelope {
                external_id: id.to_owned(),
                event_type: "chat.said".to_owned(),
                object: Some(ObjectKey::new("chat".to_owned().into(), "chat_1")),
                occurred_at: Timestamp(0),
            };
            Ok(Told { envelope, body, recipient: None })
        };
        let events = value.as_array().into_iter().flatten().map(told).collect::<Result<Vec<_>, Malformed>>()?;
        let taken = reply(StatusCode::ACCEPTED, format!("took {}", events.len()));
        Ok(Received::Events { events, reply: Some(taken) })
    }
}

async fn engine(world: &World, has_key: bool, answer: Result<(), ErrorKind>) -> (Engine, Arc<Chatty>) {
    let made = Mutex::new(None);
    let engine = world
        .engine_of(|connection| {
            let chatty = Chatty::new(connection.clone(), has_key, answer);
            *made.lock().unwrap() = Some(chatty.clone());
            Arc::new(Remade { webhooks: Some(chatty), ..Remade::of(connection) })
        })
        .await;
    let chatty = made.lock().unwrap().take().unwrap();
    (engine, chatty)
}

async fn deliver(world: &World, engine: &Engine, body: &Value) -> Result<Option<Reply>, IngestError> {
    let body = serde_json::to_vec(body).unwrap();
    world.deliver_raw(engine, &world.signed(&body), body).await
}

/// Id and body of every event, oldest first.
async fn stored(engine: &Engine) -> Vec<(String, String)> {
    engine.file_all().await.unwrap();
    let listed = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    let mut all = Vec::new();
    for event in listed.items.into_iter().rev() {
        let full = engine.store().event(event.id).await.unwrap().unwrap();
        all.push((event.external_id, String::from_utf8(full.body.to_vec()).unwrap()));
    }
    all
}

#[tokio::test]
async fn every_event_of_one_delivery_is_stored_with_its_own_part_and_the_provider_reads_the_answer_it_wants() {
    let world = World::new().await;
    let (engine, chatty) = engine(&world, true, Ok(())).await;
    let body = json!([{"id": "say_1", "text": "a"}, {"id": "say_2", "text": "b"}, {"id": "say_3", "text": "c"}]);
    let reply = deliver(&world, &engine, &body).await.unwrap().unwrap();
    assert_eq!((reply.status, &reply.body[..]), (StatusCode::ACCEPTED, &b"took 3"[..]));
    let expected: Vec<(String, String)> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["id"].as_str().unwrap().to_owned(), item.to_string()))
        .collect();
    assert_eq!(stored(&engine).await, expected);
    // Sent again, as after an answer that was lost.
    deliver(&world, &engine, &body).await.unwrap();
    assert_eq!(stored(&engine).await, expected);
    assert_eq!(chatty.seen.lock().unwrap()[0], "POST https://patchbay.test/webhooks/stripe?to=us");
}

#[tokio::test]
async fn one_event_that_cannot_be_read_refuses_the_whole_delivery() {
    let world = World::new().await;
    let (engine, _) = engine(&world, true, Ok(())).await;
    let refused = deliver(&world, &engine, &json!([{"id": "say_1"}, {"name": "say_2"}])).await.unwrap_err();
    assert!(matches!(refused, IngestError::Malformed(_)), "{refused}");
    let long = "x".repeat(600);
    let refused = deliver(&world, &engine, &json!([{"id": "say_1"}, {"id": long}])).await.unwrap_err();
    assert!(matches!(refused, IngestError::Malformed(_)), "{refused}");
    assert_eq!(stored(&engine).await, []);
}

#[tokio::test]
async fn a_question_is_answered_and_not_stored() {
    let world = World::new().await;
    let (engine, _) = engine(&world, true, Ok(())).await;
    let reply = deliver(&world, &engine, &json!({"challenge": "are you there?"})).await.unwrap().unwrap();
    assert_eq!(&reply.body[..], b"are you there?");
    assert_eq!(deliver(&world, &engine, &json!([])).await.unwrap().unwrap().body, "took 0");
    assert_eq!(stored(&engine).await, []);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_fetched_once_and_a_delivery_without_one_is_told_apart() {
    let world = World::new().await;
    let one = json!([{"id": "say_1"}]);
    let (found, chatty) = engine(&world, false, Ok(())).await;
    deliver(&world, &found, &one).await.unwrap();
    deliver(&world, &found, &json!([{"id": "say_2"}])).await.unwrap();
    assert_eq!((chatty.fetches.load(Ordering::SeqCst), stored(&found).await.len()), (1, 2));
    for (kind, expected) in [(ErrorKind::Refused, "unknown_key"), (ErrorKind::Unreachable, "key_unavailable")] {
        let (lost, _) = engine(&world, false, Err(kind)).await;
        let refused = deliver(&world, &lost, &one).await.unwrap_err();
        let IngestError::Rejected(rejection) = refused else { panic!("{refused}") };
        assert_eq!((rejection.name(), stored(&lost).await.len()), (expected, 0));
    }
}
