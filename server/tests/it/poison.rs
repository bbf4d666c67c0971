//! Something that can never be written stands among what can.

use crate::{
    database::Database,
    deliveries::{SECRET_KEY, customer, event, now, signed},
    on_both_databases,
    server::{Server, output, patchbay, text},
};
use patchbay_domain::{Kind, ObjectKey, event::Envelope};
use patchbay_store::{Frame, Journal, NewEvent};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
const PROCESSED: &str = "SELECT COUNT(*) FROM events WHERE state = 'processed'";
const DEAD: &str = "SELECT COUNT(*) FROM events WHERE state = 'dead'";

on_both_databases!(
    an_event_whose_record_cannot_be_written_is_a_dead_letter_and_holds_up_no_other,
    deliveries_that_cannot_be_filed_are_set_aside_and_filed_again_when_somebody_says_so,
    one_delivery_that_cannot_be_filed_takes_none_of_its_neighbors_along,
);

/// Refuses rows whose `external_id` is this, in `events` or `records`, with a bug that only these rows meet.
async fn refuse(database: &Database, in_events: bool) {
    let sql = match (database.is_sqlite(), in_events) {
        (true, true) => {
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.external_id = 'evt_poison' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        (true, false) => {
            "CREATE TRIGGER poison BEFORE INSERT ON records WHEN NEW.external_id = 'cus_poison' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        (false, true) => {
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''poison''; END'; \
             CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW \
             WHEN (NEW.external_id = 'evt_poison') EXECUTE FUNCTION poison()"
        }
        (false, false) => {
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''poison''; END'; \
             CREATE TRIGGER poison BEFORE INSERT ON records FOR EACH ROW \
             WHEN (NEW.external_id = 'cus_poison') EXECUTE FUNCTION poison()"
        }
    };
    database.execute(sql).await;
}

async fn deliver(server: &Server, name: &str) {
    let body = event(&format!("evt_{name}"), "customer.updated", now(), &customer(&format!("cus_{name}"), "Northwind"));
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "{name}");
}

async fn an_event_whose_record_cannot_be_written_is_a_dead_letter_and_holds_up_no_other(database: Database) {
    let server = Server::start(&database).await;
    refuse(&database, false).await;
    for name in ["1", "2", "poison", "3", "4"] {
        deliver(&server, name).await;
    }
    database.until(PROCESSED, 4, SOON).await;
    database.until(DEAD, 1, SOON).await;
    assert_eq!(server.metric("patchbay_database_away_seconds").await, "0", "{}", server.logs());
    assert_eq!(server.metric("patchbay_inbox_set_aside_events").await, "0", "{}", server.logs());
}

async fn deliveries_that_cannot_be_filed_are_set_aside_and_filed_again_when_somebody_says_so(database: Database) {
    let server = Server::start(&database).await;
    refuse(&database, true).await;
    for name in ["1", "2", "poison", "3", "4"] {
        deliver(&server, name).await;
    }
    database.until(PROCESSED, 4, SOON).await;
    server.filed().await;
    assert_eq!(server.metric("patchbay_inbox_set_aside_events").await, "1", "{}", server.logs());
    assert_eq!(server.metric("patchbay_database_away_seconds").await, "0", "{}", server.logs());
    let run = |arguments: &[&str]| {
        let environment = [("DATABASE_URL", database.url.as_str()), ("STRIPE_SECRET_KEY", SECRET_KEY)];
        let output = output(patchbay(database.folder.path(), &environment).args(arguments));
        text(&output.stdout)
    };
    let listed = run(&["inbox", "list"]);
    assert!(listed.lines().count() == 1 && listed.contains("customer.updated evt_poison: "), "{listed}");
    let doctor = run(&["doctor"]);
    assert!(doctor.contains("problem  inbox: 1 delivery"), "{doctor}");
    let repair = if database.is_sqlite() { "DROP TRIGGER poison" } else { "DROP TRIGGER poison ON events" };
    database.execute(repair).await;
    assert!(run(&["inbox", "retry"]).contains("1 deliveries would be filed"), "it asks first");
    run(&["inbox", "retry", "--yes"]);
    database.until(PROCESSED, 5, SOON).await;
    assert_eq!(server.metric("patchbay_inbox_set_aside_events").await, "0");
}

/// Makes deliveries of one object, and keeps them as the inbox keeps those that come together.
async fn keep_together(database: &Database, names: &[&str]) {
    let store = database.store().await;
    let deliveries: Vec<NewEvent> = names
        .iter()
        .zip(now()..)
        .map(|(name, second)| NewEvent {
            id: store.new_id(),
            connection: "stripe".to_owned(),
            envelope: Envelope {
                external_id: format!("evt_{name}"),
                event_type: "customer.updated".to_owned(),
                object: Some(ObjectKey::new(Kind::new("customer"), "cus_1")),
                occurred_at: store.clock().now(),
            },
            received_at: store.clock().now(),
            headers: Vec::new(),
            body: event(&format!("evt_{name}"), "customer.updated", second, &customer("cus_1", name)).into(),
            request_id: String::new(),
        })
        .collect();
    let frames = Frame::pack(&deliveries).unwrap();
    if store.keeps_frames() {
        store.append_frames(&frames).await.unwrap();
    } else {
        let file = database.url.replace("patchbay.db", "patchbay.inbox.db");
        let journal = Journal::open(&file, store.new_id()).await.unwrap();
        journal.append(&frames).await.unwrap();
        journal.close().await;
    }
    store.close().await;
}

async fn one_delivery_that_cannot_be_filed_takes_none_of_its_neighbors_along(database: Database) {
    let mut server = Server::start(&database).await;
    server.stop().await;
    refuse(&database, true).await;
    keep_together(&database, &["1", "2", "poison", "3", "4"]).await;
    server.start_again().await;
    database.until(PROCESSED, 4, SOON).await;
    server.filed().await;
    assert_eq!(server.metric("patchbay_inbox_set_aside_events").await, "1", "{}", server.logs());
    assert_eq!(database.count("SELECT COUNT(*) FROM records WHERE title = '4'").await, 1, "the last one counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_what_was_set_aside_and_what_to_do_about_it() {
    let database = Database::sqlite();
    let mut server = Server::start_sandbox(&database).await;
    server.stop().await;
    refuse(&database, true).await;
    keep_together(&database, &["1", "poison", "2"]).await;
    server.start_again().await;
    let cookie = server.sign_in("ada").await;
    let started = Instant::now();
    for path in ["/", "/connections"] {
        loop {
            let page = server.get_as(&cookie, path).await.text().await.unwrap();
            if page.contains("1 delivery of stripe is set aside") {
                assert!(page.contains("poison") && page.contains("patchbay inbox retry --yes"), "{page}");
                break;
            }
            assert!(started.elapsed() < SOON, "{page}");
        }
    }
}
