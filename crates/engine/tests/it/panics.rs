//! A mistake of ours in the reading of one event must not end the work on the others.

use crate::{remade::Remade, world::World};
use patchbay_domain::event::EventState;
use patchbay_store::{EventFilter, PageRequest};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

const BREAKS: &str = "moon.landed";
const PERSONAL: &str = "someone@example.com";

#[tokio::test]
async fn an_event_whose_reading_panics_is_a_dead_letter_and_the_others_are_worked_on() {
    let world = World::new().await;
    let engine =
        world.engine_of(|connection| Arc::new(Remade { breaks: Some(BREAKS), ..Remade::of(connection) })).await;
    for number in 0..9 {
        let event_type = if number % 3 == 1 { BREAKS } else { "sun.rose" };
        let event = json!({
            "id": format!("evt_{number}"), "object": "event", "type": event_type, "created": world.clock.now().seconds(),
            "livemode": false, "data": { "object": { "id": "moon_1", "object": "moon", "email": PERSONAL } },
        });
        world.deliver(&engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
    let page = engine.store().list_events(&EventFilter::default(), &PageRequest::default()).await.unwrap();
    let states: BTreeMap<&str, EventState> =
        page.items.iter().map(|event| (event.external_id.as_str(), event.state)).collect();
    for number in 0..9 {
        let expected = if number % 3 == 1 { EventState::Dead } else { EventState::Skipped };
        assert_eq!(states[format!("evt_{number}").as_str()], expected, "{number}");
    }
    let dead = page.items.iter().find(|event| event.external_id == "evt_1").unwrap();
    let dead = engine.store().event(dead.id).await.unwrap().unwrap();
    let error = dead.attempts[0].error.as_deref().unwrap();
    assert!(error.contains(BREAKS) && !error.contains(PERSONAL), "the type, and nothing of the body: {error}");
}
