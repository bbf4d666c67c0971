//! Schedules of subscriptions, as Stripe writes them.

use super::event;
use crate::{project::Projection, stripe::project};
use patchbay_domain::{
    State, Timestamp,
    schedule::{PhaseItem, SCHEDULE, Schedule},
};

const OBJECT: &str = r#"{"id": "sub_sched_1", "object": "subscription_schedule", "application": null, "canceled_at": null,
    "created": 1764547200, "current_phase": {"start_date": 1764547200, "end_date": 1772323200}, "customer": "cus_1",
    "end_behavior": "release", "livemode": false, "metadata": {}, "released_at": null, "status": "active",
    "subscription": "sub_1", "phases": [
        {"start_date": 1764547200, "end_date": 1772323200, "items": [{"price": "price_1", "quantity": 2}]},
        {"start_date": 1772323200, "end_date": 1803859200, "items": [{"price": {"id": "price_2"}, "plan": "price_2"}]}]}"#;

#[test]
fn a_schedule_is_read_with_its_phases() {
    let Ok(Projection::Changes(changes)) =
        super::project("subscription_schedule.updated", &event(&serde_json::from_str(OBJECT).unwrap()))
    else {
        panic!("it is not recorded")
    };
    let State::Present { index, body } = &changes[0].state else { panic!("it is there") };
    assert_eq!((&changes[0].key.kind, changes[0].key.id.as_str()), (&SCHEDULE, "sub_sched_1"));
    assert_eq!((index.parent.as_deref(), index.owner.as_deref()), (Some("sub_1"), Some("cus_1")));
    let schedule: Schedule = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(schedule.current_phase, Some(Timestamp::from_seconds(1_764_547_200)));
    assert_eq!(schedule.phases[0].items, [PhaseItem { price: "price_1".to_owned(), quantity: Some(2) }]);
    assert_eq!(schedule.phases[1].items, [PhaseItem { price: "price_2".to_owned(), quantity: None }]);
}

#[test]
fn phases_of_the_time_before_prices_name_plans() {
    let old = OBJECT.replace("\"items\"", "\"plans\"").replace("\"price\": \"price_1\"", "\"plan\": \"gold\"");
    let change = project::change(&SCHEDULE, &old, Timestamp(1).into()).unwrap();
    let State::Present { body, .. } = change.state else { panic!("it is there") };
    assert_eq!(body["phases"][0]["items"][0]["price"], "gold");
}
