//! Lists as files: complete, filtered, safe to open, and for staff alone.

use crate::{database::Database, on_both_databases, server::Server};
use patchbay_domain::{Timestamp, event::Envelope};
use patchbay_store::{AuditFilter, NewEvent, PageRequest};
use serde_json::json;

on_both_databases!(
    an_export_holds_every_row_of_the_filter_and_no_other,
    an_export_is_a_file_that_no_spreadsheet_runs,
    every_list_is_exported_for_staff_and_refused_to_customers,
);

/// Three parts of 500 and a rest.
const MANY: usize = 1_203;

/// Events of a connection that the server does not have, so that nothing but the test adds to them.
async fn imported(database: &Database, types: &[(usize, &str)]) {
    let store = database.store().await;
    store.migrate().await.unwrap();
    assert!(store.claim_for_sandbox().await.unwrap());
    for (count, event_type) in types {
        let events: Vec<NewEvent> = (0..*count)
            .map(|number| NewEvent {
                id: store.new_id(),
                connection: "imported".to_owned(),
                envelope: Envelope {
                    external_id: format!("evt_{event_type}_{number}"),
                    event_type: (*event_type).to_owned(),
                    object: None,
                    occurred_at: Timestamp::from_seconds(1_790_000_000),
                },
                received_at: Timestamp::from_seconds(1_790_000_000 + i64::try_from(number).unwrap()),
                headers: Vec::new(),
                body: "{}".into(),
                request_id: "req_1".to_owned(),
            })
            .collect();
        store.insert_events(&events).await.unwrap();
    }
    store.close().await;
}

async fn an_export_holds_every_row_of_the_filter_and_no_other(database: Database) {
    imported(&database, &[(MANY, "moon.landed"), (7, "moon.left")]).await;
    let server = Server::start_sandbox(&database).await;
    let staff = server.sign_in("ben").await;
    let answer = server.get_as(&staff, "/events.csv?connection=imported&type=moon.landed").await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("id,connection,provider_id,type,"), "{}", lines[0]);
    assert_eq!(lines.len(), 1 + MANY);
    for (number, line) in lines[1..].iter().enumerate() {
        let wanted = format!(",imported,evt_moon.landed_{},moon.landed,", MANY - 1 - number);
        assert!(line.contains(&wanted), "row {number} is {line}");
    }
    let request = server.http.get(server.url("/events.csv?connection=imported")).header("cookie", &staff);
    let packed = request.header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "br", "browsers take it compressed");
    assert!(packed.bytes().await.unwrap().len() > 1_000, "the transfer came to its end");
    let none = server.get_as(&staff, "/events.csv?connection=nobody").await.text().await.unwrap();
    assert_eq!(none.lines().count(), 1, "an empty list still names its columns");
}

async fn an_export_is_a_file_that_no_spreadsheet_runs(database: Database) {
    imported(&database, &[(1, "=HYPERLINK(\"https://evil.example\")")]).await;
    let server = Server::start_sandbox(&database).await;
    let staff = server.sign_in("ada").await;
    let answer = server.get_as(&staff, "/events.csv?connection=imported").await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/csv; charset=utf-8"));
    assert!(header("content-disposition").starts_with("attachment; filename=\"patchbay-events-20"));
    assert_eq!((header("cache-control").as_str(), header("x-content-type-options").as_str()), ("no-store", "nosniff"));
    let text = answer.text().await.unwrap();
    assert!(text.contains(",\"'=HYPERLINK(\"\"https://evil.example\"\")\","), "{text}");
}

async fn every_list_is_exported_for_staff_and_refused_to_customers(database: Database) {
    imported(&database, &[]).await;
    let server = Server::start_sandbox(&database).await;
    let (staff, customer) = (server.sign_in("ben").await, server.sign_in("chiara").await);
    for list in ["events", "dead-letters", "calls", "audit", "subscriptions", "customers", "invoices", "videos"] {
        let path = format!("/{list}.csv");
        let answer = server.get_as(&staff, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.text().await.unwrap().starts_with("id,"), "{path}");
        assert_eq!(server.get_as(&customer, &path).await.status(), 403, "{path}");
    }
    assert_eq!(server.get_as(&staff, "/events.csv?state=nonsense").await.status(), 422);
    server.get_as(&staff, "/customers.csv?q=ada").await;
    let exports = AuditFilter { action: Some("list.export".to_owned()), ..AuditFilter::default() };
    let told = database.store().await.list_audit(&exports, &PageRequest::default()).await.unwrap().items;
    assert_eq!(told.len(), 9, "each export is told of, and nothing that was refused");
    assert_eq!((told[0].actor_name.as_str(), told[0].target.key.id.as_str()), ("Ben Lindqvist", "customers"));
    assert_eq!(told[0].after, Some(json!({ "filter": { "q": "ada" } })));
    assert_eq!(told[0].address.as_deref(), Some("127.0.0.1"));
    assert!(told[0].session_id.as_ref().is_some_and(|id| id.starts_with("sess_")), "{told:?}");
}
