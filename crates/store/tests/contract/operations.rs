use crate::harness::{START, apply, by_event, change, first, key, pass};
use patchbay_store::{
    AuditFilter, CallFilter, NewAudit, NewCall, NewRejection, PageRequest, Store, StoreError, SyncProgress,
};
use serde_json::json;
use std::time::Duration;

const ABANDONED: Duration = Duration::from_mins(1);

fn rejection(store: &Store, connection: &str, detail: &str) -> NewRejection {
    NewRejection {
        connection: connection.to_owned(),
        reason: "signature".to_owned(),
        detail: detail.to_owned(),
        headers: vec![("user-agent".to_owned(), "curl".to_owned())],
        remote: Some("192.0.2.1".to_owned()),
        received_at: store.clock().now(),
    }
}

pub async fn rejections_are_counted_and_kept_short(store: Store) {
    store.insert_rejection(rejection(&store, "mux", "other")).await.unwrap();
    for number in 0..1_003 {
        store.insert_rejection(rejection(&store, "stripe", &number.to_string())).await.unwrap();
    }
    let mut page = store.list_rejections(Some("stripe"), &first(500)).await.unwrap();
    assert_eq!(page.items[0].detail, "1002");
    assert_eq!(page.items[0].headers, [("user-agent".to_owned(), "curl".to_owned())]);
    let mut kept = page.items;
    while let Some(after) = page.next.take() {
        page = store.list_rejections(Some("stripe"), &PageRequest { after: Some(after), ..first(500) }).await.unwrap();
        kept.append(&mut page.items);
    }
    assert_eq!(kept.len(), 1_000);
    assert_eq!(kept.last().unwrap().detail, "3");
    assert_eq!(store.list_rejections(Some("mux"), &first(10)).await.unwrap().items.len(), 1);
    assert_eq!(store.list_rejections(None, &first(10)).await.unwrap().items.len(), 10);
    let minute = START.minus(Duration::from_mins(1));
    let counts = store.minute_counts(Some("stripe"), minute, START.plus(ABANDONED)).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.rejected).sum::<i64>(), 1_003);
}

pub fn call(store: &Store, operation: &str, error: Option<&str>) -> NewCall {
    NewCall {
        id: store.new_id(),
        at: store.clock().now(),
        connection: "stripe".to_owned(),
        operation: operation.to_owned(),
        method: "GET".to_owned(),
        path: "/v1/things".to_owned(),
        status: error.is_none().then_some(200),
        duration_us: 12_000,
        attempt: 1,
        request_id: Some("req_1".to_owned()),
        error: error.map(str::to_owned),
        cause: Some(format!("cause of {operation}")),
    }
}

pub async fn calls_are_listed_and_filtered(store: Store) {
    let calls =
        [call(&store, "fetch", None), call(&store, "list", Some("timeout")), call(&store, "fetch", Some("500"))];
    store.insert_calls(&calls).await.unwrap();
    let filter = CallFilter::default;
    let listed = async |filter: CallFilter| store.list_calls(&filter, &first(10)).await.unwrap().items;
    let newest_first: Vec<NewCall> = calls.iter().rev().cloned().collect();
    assert_eq!(listed(filter()).await, newest_first);
    assert_eq!(listed(CallFilter { failed_only: true, ..filter() }).await, newest_first[..2]);
    let fetches = CallFilter { operation: Some("fetch".to_owned()), ..filter() };
    assert_eq!(listed(fetches.clone()).await.len(), 2);
    assert_eq!(
        listed(CallFilter { failed_only: true, connection: Some("stripe".to_owned()), ..fetches }).await.len(),
        1
    );
    assert!(listed(CallFilter { connection: Some("mux".to_owned()), ..filter() }).await.is_empty());
    assert_eq!(listed(CallFilter { cause: Some("cause of list".to_owned()), ..filter() }).await, calls[1..2]);
    assert_eq!(store.call(calls[0].id).await.unwrap().as_ref(), Some(&calls[0]));
    assert_eq!(store.call(store.new_id()).await.unwrap(), None);
}

fn entry(store: &Store, actor: &str, action: &str, target: &str) -> NewAudit {
    NewAudit {
        id: store.new_id(),
        at: store.clock().now(),
        actor_id: actor.to_owned(),
        actor_name: "Ada".to_owned(),
        action: action.to_owned(),
        target_kind: "subscription".to_owned(),
        target_id: target.to_owned(),
        organisation: None,
        before: Some(json!({ "status": "active" })),
        after: None,
        outcome: "failed".to_owned(),
        error: Some("declined".to_owned()),
        request_id: "req".to_owned(),
    }
}

pub async fn the_audit_log_keeps_before_and_after(store: Store) {
    let entries = [
        entry(&store, "ada", "subscription.cancel", "sub_1"),
        entry(&store, "bob", "subscription.cancel", "sub_2"),
        entry(&store, "ada", "sync.start", "stripe"),
    ];
    for entry in &entries {
        store.insert_audit(entry).await.unwrap();
    }
    let filter = AuditFilter::default;
    let listed = async |filter: AuditFilter| store.list_audit(&filter, &first(10)).await.unwrap().items;
    assert_eq!(listed(filter()).await, entries.iter().rev().cloned().collect::<Vec<_>>());
    let ada = AuditFilter { actor: Some("ada".to_owned()), ..filter() };
    assert_eq!(listed(ada.clone()).await.len(), 2);
    assert_eq!(listed(AuditFilter { action: Some("sync.start".to_owned()), ..ada }).await, entries[2..]);
    assert_eq!(listed(AuditFilter { target_id: Some("sub_2".to_owned()), ..filter() }).await, entries[1..2]);
    assert_eq!(store.audit_entry(entries[0].id).await.unwrap().as_ref(), Some(&entries[0]));
}

pub async fn an_audit_entry_stands_or_falls_with_its_change(store: Store) {
    let lost = entry(&store, "ada", "subscription.cancel", "a");
    let mut tx = store.begin().await.unwrap();
    tx.audit(&lost).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(store.audit_entry(lost.id).await.unwrap(), None);
    let kept = entry(&store, "ada", "subscription.cancel", "a");
    let mut tx = store.begin().await.unwrap();
    tx.apply("stripe", &change("a", 1, "one"), &by_event(), None).await.unwrap();
    tx.audit(&kept).await.unwrap();
    tx.commit().await.unwrap();
    assert!(store.audit_entry(kept.id).await.unwrap().is_some());
    assert!(store.record(None, &key("a")).await.unwrap().is_some());
}

pub async fn one_sync_runs_per_connection(store: Store) {
    assert_eq!(store.latest_sync("stripe").await.unwrap(), None);
    let run = store.start_sync("stripe").await.unwrap();
    assert_eq!((run.state.as_str(), run.kind_index, run.started_at), ("running", 0, START));
    let again = store.start_sync("stripe").await;
    assert!(matches!(again, Err(StoreError::AlreadyRunning { id }) if id == run.id));
    let other = store.start_sync("mux").await.unwrap();
    let running: Vec<_> = store.running_syncs().await.unwrap().iter().map(|run| run.id).collect();
    assert_eq!(running, [other.id, run.id]);
    store.finish_sync(run.id, "failed", Some("no key")).await.unwrap();
    let next = store.start_sync("stripe").await.unwrap();
    assert_eq!(store.latest_sync("stripe").await.unwrap().unwrap().id, next.id);
    let listed = store.list_syncs(Some("stripe"), &first(10)).await.unwrap().items;
    assert_eq!(listed.iter().map(|run| run.state.as_str()).collect::<Vec<_>>(), ["running", "failed"]);
    assert_eq!(listed[1].error.as_deref(), Some("no key"));
    assert_eq!(store.list_syncs(None, &first(10)).await.unwrap().items.len(), 3);
}

pub async fn a_sync_goes_on_where_it_was(store: Store) {
    let run = store.start_sync("stripe").await.unwrap();
    let taken = store.take_syncs("one", ABANDONED).await.unwrap();
    assert_eq!(taken.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id]);
    pass(&store, 10);
    let progress = SyncProgress { kind_index: 2, cursor: Some("page_3".to_owned()), done: 200, changed: 7 };
    let mut lost = store.begin().await.unwrap();
    lost.save_sync_progress(run.id, &SyncProgress { done: 999, ..progress.clone() }).await.unwrap();
    lost.rollback().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.apply("stripe", &change("a", 1, "one"), &by_event(), None).await.unwrap();
    tx.save_sync_progress(run.id, &progress).await.unwrap();
    tx.commit().await.unwrap();
    store.release_leases("one").await.unwrap();
    let taken = store.take_syncs("two", ABANDONED).await.unwrap().remove(0);
    assert_eq!((taken.kind_index, taken.cursor.as_deref(), taken.done, taken.changed), (2, Some("page_3"), 200, 7));
    assert_eq!(taken.rate_per_second(), Some(20.0));
}

pub async fn an_abandoned_sync_finds_another_owner(store: Store) {
    let run = store.start_sync("stripe").await.unwrap();
    assert_eq!(store.take_syncs("one", ABANDONED).await.unwrap().len(), 1);
    pass(&store, 50);
    assert!(store.take_syncs("two", ABANDONED).await.unwrap().is_empty());
    pass(&store, 11);
    assert!(store.take_syncs("one", ABANDONED).await.unwrap().is_empty(), "nobody takes it from himself");
    let taken = store.take_syncs("two", ABANDONED).await.unwrap();
    assert_eq!((taken[0].id, taken[0].owner.as_deref()), (run.id, Some("two")));
}

pub async fn a_cancelled_sync_can_be_resumed(store: Store) {
    let run = store.start_sync("stripe").await.unwrap();
    assert!(!store.sync_cancel_requested(run.id).await.unwrap());
    store.request_cancel(run.id).await.unwrap();
    assert!(store.sync_cancel_requested(run.id).await.unwrap());
    assert_eq!(store.resume_sync(store.new_id()).await.unwrap(), None);
    store.finish_sync(run.id, "cancelled", None).await.unwrap();
    store.finish_sync(run.id, "done", None).await.unwrap();
    assert_eq!(store.sync(run.id).await.unwrap().unwrap().state, "cancelled", "an end is an end");
    let resumed = store.resume_sync(run.id).await.unwrap().unwrap();
    assert_eq!((resumed.state.as_str(), resumed.cancel_requested, resumed.finished_at), ("running", false, None));
    let busy = store.resume_sync(run.id).await;
    assert!(matches!(busy, Err(StoreError::AlreadyRunning { id }) if id == run.id));
}

pub async fn states_are_kept_per_connection(store: Store) {
    assert_eq!(store.state("stripe", "health").await.unwrap(), None);
    store.put_state("stripe", "health", &json!({ "ok": false })).await.unwrap();
    store.put_state("stripe", "health", &json!({ "ok": true })).await.unwrap();
    assert_eq!(store.state("stripe", "health").await.unwrap(), Some(json!({ "ok": true })));
    assert_eq!(store.state("mux", "health").await.unwrap(), None);
}

pub async fn the_store_tells_about_itself(store: Store) {
    store.ping().await.unwrap();
    store.migrate().await.unwrap();
    apply(&store, &change("a", 1, "one"), &by_event(), None).await;
    assert!(store.size_bytes().await.unwrap() > 10_000);
    assert!(["SQLite", "PostgreSQL"].contains(&store.engine_name()));
}

pub async fn a_notice_reaches_whoever_listens(store: Store) {
    let Some(mut first) = store.notices().await.unwrap() else {
        assert_eq!(store.engine_name(), "SQLite");
        return;
    };
    let mut second = store.notices().await.unwrap().unwrap();
    store.notify("news with 'quotes'").await.unwrap();
    for listener in [&mut first, &mut second] {
        assert_eq!(listener.next().await.unwrap().as_deref(), Some("news with 'quotes'"));
    }
}
