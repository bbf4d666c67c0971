use crate::harness::{START, apply, by_event, change, first, key, pass};
use patchbay_domain::{Kind, ObjectKey, RecordRef, error::Problem};
use patchbay_store::{
    AuditFilter, AuditOutcome, CallFilter, NewAudit, NewCall, NewRejection, PageRequest, Settlement, Store, StoreError,
    SyncEnd, SyncProgress, SyncState, Unread,
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
        // Of a network of its own.
        remote: Some(format!(
            "192.0.{}",
            detail.parse::<u32>().map_or("2.1".to_owned(), |number| format!("{}.{}", number / 250, number % 250))
        )),
        received_at: store.clock().now(),
    }
}

pub async fn one_network_does_not_push_out_the_rejections_of_others(store: Store) {
    let from = |remote: &str, number: u32| NewRejection {
        remote: Some(remote.to_owned()),
        ..rejection(&store, "stripe", &number.to_string())
    };
    store.insert_rejections((0..3).map(|number| from("198.51.100.1", number)).collect()).await.unwrap();
    for hundred in 0..15 {
        let flood = (0..100).map(|number| from(&format!("2001:db8::{number:x}"), hundred * 100 + number));
        store.insert_rejections(flood.collect()).await.unwrap();
    }
    let page = store.list_rejections(Some("stripe"), &first(500)).await.unwrap();
    let of_the_provider = page.items.iter().filter(|one| one.remote.as_deref() == Some("198.51.100.1")).count();
    assert_eq!((of_the_provider, page.items.len()), (3, 103));
    store.count_rejections(vec![("stripe".to_owned(), store.clock().now(), 7)]).await.unwrap();
    let minute = START.minus(Duration::from_mins(1));
    let counts = store.minute_counts(Some("stripe"), minute, START.plus(ABANDONED)).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.rejected).sum::<i64>(), 1_510, "what is not listed counts too");
}

pub async fn rejections_are_counted_and_kept_short(store: Store) {
    store.insert_rejections(vec![rejection(&store, "mux", "other")]).await.unwrap();
    for number in 0..1_003 {
        store.insert_rejections(vec![rejection(&store, "stripe", &number.to_string())]).await.unwrap();
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

fn subscription(connection: &str, id: &str) -> RecordRef {
    RecordRef::new(connection, ObjectKey::new(Kind::new("subscription"), id))
}

fn entry(store: &Store, actor: &str, action: &str, target: &str) -> NewAudit {
    NewAudit {
        id: store.new_id(),
        at: store.clock().now(),
        actor_id: actor.to_owned(),
        actor_name: "Ada".to_owned(),
        action: action.to_owned(),
        target: subscription("stripe", target),
        organisation: None,
        before: Some(json!({ "status": "active" })),
        after: None,
        outcome: AuditOutcome::Failed,
        error: Some("declined".to_owned()),
        request_id: "req".to_owned(),
        impersonator: Some("user_support".to_owned()),
        session_id: Some("sess_1".to_owned()),
        address: Some("2001:db8::1".to_owned()),
        form_id: None,
        settled: None,
    }
}

pub async fn a_form_is_done_for_its_person_action_and_target_once_that_succeeded(store: Store) {
    let failed =
        NewAudit { form_id: Some("form_1".to_owned()), ..entry(&store, "ada", "subscription.cancel", "sub_1") };
    store.insert_audit(&failed).await.unwrap();
    let done_at = async |connection: &str, form: &str, actor: &str, action: &str, target: &str| {
        store.is_form_done(form, actor, action, &subscription(connection, target)).await.unwrap()
    };
    let done = async |form: &str, actor: &str, action: &str, target: &str| {
        done_at("stripe", form, actor, action, target).await
    };
    assert!(!done("form_1", "ada", "subscription.cancel", "sub_1").await);
    let again = NewAudit { id: store.new_id(), outcome: AuditOutcome::Done, error: None, ..failed };
    store.insert_audit(&again).await.unwrap();
    assert!(done("form_1", "ada", "subscription.cancel", "sub_1").await);
    for other in [
        ("form_2", "ada", "subscription.cancel", "sub_1"),
        ("form_1", "bob", "subscription.cancel", "sub_1"),
        ("form_1", "ada", "subscription.keep", "sub_1"),
        ("form_1", "ada", "subscription.cancel", "sub_2"),
    ] {
        assert!(!done(other.0, other.1, other.2, other.3).await, "{other:?}");
    }
    let elsewhere = done_at("stripe-eu", "form_1", "ada", "subscription.cancel", "sub_1").await;
    assert!(!elsewhere, "another connection's object of the same id is another one");
}

pub async fn an_action_without_an_answer_is_open_until_it_is_settled_and_what_is_done_stays_done(store: Store) {
    let started = NewAudit {
        outcome: AuditOutcome::Started,
        error: None,
        form_id: Some("form_1".to_owned()),
        ..entry(&store, "ada", "subscription.cancel", "sub_1")
    };
    store.insert_audit(&started).await.unwrap();
    let later = started.at.plus(Duration::from_secs(1));
    let open = async || store.open_actions(started.at, later, 10).await.unwrap();
    let of_form = async |form: &str| {
        store.open_form(form, "ada", "subscription.cancel", &subscription("stripe", "sub_1")).await.unwrap()
    };
    assert_eq!(open().await.as_slice(), std::slice::from_ref(&started));
    assert!(store.open_actions(started.at, started.at, 10).await.unwrap().is_empty(), "it has only begun");
    assert_eq!(store.open_actions(later, later, 10).await.unwrap().len(), 1, "what was started is never left out");
    assert_eq!((of_form("form_1").await, of_form("form_2").await), (Some(started.id), None));
    let to = |outcome, by: Option<&str>| Settlement {
        outcome,
        after: (outcome == AuditOutcome::Done).then(|| json!({ "status": "canceled" })),
        error: (outcome != AuditOutcome::Done).then(|| "no answer".to_owned()),
        by: by.map(str::to_owned),
    };
    assert!(store.settle_audit(started.id, &to(AuditOutcome::Unknown, None)).await.unwrap());
    assert_eq!((open().await[0].outcome, store.count_unknown_actions().await.unwrap()), (AuditOutcome::Unknown, 1));
    assert!(store.open_actions(later, later, 10).await.unwrap().is_empty(), "it was looked at for long enough");
    assert!(store.settle_audit(started.id, &to(AuditOutcome::Done, Some("Bea"))).await.unwrap());
    for late in [AuditOutcome::Failed, AuditOutcome::Unknown, AuditOutcome::Done] {
        assert!(!store.settle_audit(started.id, &to(late, None)).await.unwrap(), "{late:?}");
    }
    let told = store.audit_entry(started.id).await.unwrap().unwrap();
    assert_eq!(
        (told.outcome, told.error, told.after),
        (AuditOutcome::Done, None, Some(json!({ "status": "canceled" })))
    );
    assert_eq!(told.settled.and_then(|settled| settled.by).as_deref(), Some("Bea"));
    assert!(open().await.is_empty() && of_form("form_1").await.is_none());
    assert_eq!(store.count_unknown_actions().await.unwrap(), 0);
    let filter = AuditFilter { outcome: Some(AuditOutcome::Done), ..AuditFilter::default() };
    assert_eq!(store.list_audit(&filter, &PageRequest::default()).await.unwrap().items.len(), 1);
    let filter = AuditFilter { outcome: Some(AuditOutcome::Unknown), ..filter };
    assert!(store.list_audit(&filter, &PageRequest::default()).await.unwrap().items.is_empty());
}

pub async fn a_second_try_that_succeeds_counts_more_than_a_first_that_was_given_up(store: Store) {
    let started = NewAudit { outcome: AuditOutcome::Started, ..entry(&store, "ada", "subscription.keep", "sub_1") };
    store.insert_audit(&started).await.unwrap();
    let settled = async |outcome| {
        let settlement = Settlement { outcome, after: None, error: None, by: None };
        store.settle_audit(started.id, &settlement).await.unwrap()
    };
    assert!(settled(AuditOutcome::Failed).await && settled(AuditOutcome::Done).await);
}

pub async fn only_an_unused_database_becomes_the_sandboxs_and_stays_it(store: Store) {
    assert!(!store.is_sandbox().await.unwrap());
    assert!(store.claim_for_sandbox().await.unwrap() && store.is_sandbox().await.unwrap());
    store.insert_audit(&entry(&store, "ada", "sync.start", "stripe")).await.unwrap();
    assert!(store.claim_for_sandbox().await.unwrap(), "it is the sandbox's already");
}

pub async fn a_used_database_never_becomes_the_sandboxs(store: Store) {
    store.insert_audit(&entry(&store, "ada", "sync.start", "stripe")).await.unwrap();
    assert!(!store.claim_for_sandbox().await.unwrap());
    assert!(!store.is_sandbox().await.unwrap());
}

pub async fn the_first_key_of_a_name_stays(store: Store) {
    assert_eq!(store.app_key("quotes", b"first").await.unwrap(), b"first");
    assert_eq!(store.app_key("quotes", b"second").await.unwrap(), b"first");
    assert_eq!(store.app_key("others", b"second").await.unwrap(), b"second");
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
    let of_target = AuditFilter { target_id: Some("sub_2".to_owned()), ..filter() };
    assert_eq!(listed(of_target.clone()).await, entries[1..2]);
    let at = |connection: &str| AuditFilter { connection: Some(connection.to_owned()), ..of_target.clone() };
    assert_eq!(listed(at("stripe")).await, entries[1..2]);
    assert!(listed(at("stripe-eu")).await.is_empty());
    let kind = AuditFilter { target_kind: Some("invoice".to_owned()), ..of_target.clone() };
    assert!(listed(kind).await.is_empty());
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
    assert!(store.record("stripe", &key("a")).await.unwrap().is_some());
}

const KINDS: [Kind; 3] = [Kind::new("product"), Kind::new("customer"), Kind::new("invoice")];

fn failed(error: &str) -> SyncEnd<'_> {
    SyncEnd { error: Some(error), ..SyncEnd::of(SyncState::Failed) }
}

fn missing(kind: &Kind, why: &str) -> Unread {
    let problem = Problem { why: why.to_owned(), what_to_do: "Ask for it.".to_owned() };
    Unread { cursor: Some("page_3".to_owned()), problem: Some(problem), ..Unread::new(kind.clone()) }
}

pub async fn one_sync_runs_per_connection(store: Store) {
    assert_eq!(store.latest_sync("stripe").await.unwrap(), None);
    let run = store.start_sync("stripe", &KINDS).await.unwrap();
    assert_eq!((run.state, run.attempts, run.started_at), (SyncState::Running, 1, START));
    assert_eq!(run.unread, KINDS.map(Unread::new));
    let again = store.start_sync("stripe", &KINDS).await;
    assert!(matches!(again, Err(StoreError::AlreadyRunning { id }) if id == run.id));
    store.start_sync("mux", &KINDS).await.unwrap();
    store.finish_sync(run.id, &failed("no key")).await.unwrap();
    let next = store.start_sync("stripe", &KINDS).await.unwrap();
    assert_eq!(store.latest_sync("stripe").await.unwrap().unwrap().id, next.id);
    let listed = store.list_syncs(Some("stripe"), &first(10)).await.unwrap().items;
    assert_eq!(listed.iter().map(|run| run.state).collect::<Vec<_>>(), [SyncState::Running, SyncState::Failed]);
    assert_eq!(listed[1].error.as_deref(), Some("no key"));
    assert_eq!(store.list_syncs(None, &first(10)).await.unwrap().items.len(), 3);
}

pub async fn a_sync_goes_on_where_it_was(store: Store) {
    let run = store.start_sync("stripe", &KINDS).await.unwrap();
    let taken = store.take_syncs("one", ABANDONED).await.unwrap();
    assert_eq!(taken.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id]);
    pass(&store, 10);
    let unread = vec![
        missing(&KINDS[1], "No permission."),
        Unread { cursor: Some("page_7".to_owned()), restarts: 1, ..Unread::new(KINDS[2].clone()) },
    ];
    let progress = SyncProgress { unread, done: 200, changed: 7 };
    let mut lost = store.begin().await.unwrap();
    lost.save_sync_progress(run.id, &SyncProgress { done: 999, ..progress.clone() }).await.unwrap();
    lost.rollback().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.apply("stripe", &change("a", 1, "one"), &by_event(), None).await.unwrap();
    tx.save_sync_progress(run.id, &progress).await.unwrap();
    tx.commit().await.unwrap();
    store.release_leases("one").await.unwrap();
    let taken = store.take_syncs("two", ABANDONED).await.unwrap().remove(0);
    assert_eq!((&taken.unread, taken.done, taken.changed), (&progress.unread, 200, 7));
    assert_eq!(taken.reading(), Some(&progress.unread[1]));
    assert_eq!(taken.missing().map(|(kind, _)| kind).collect::<Vec<_>>(), [&KINDS[1]]);
}

pub async fn an_abandoned_sync_finds_another_owner(store: Store) {
    let run = store.start_sync("stripe", &KINDS).await.unwrap();
    assert_eq!(store.take_syncs("one", ABANDONED).await.unwrap().len(), 1);
    pass(&store, 50);
    assert!(store.take_syncs("two", ABANDONED).await.unwrap().is_empty());
    assert_eq!(store.beat_sync(run.id, "one").await.unwrap(), Some(false));
    pass(&store, 50);
    assert!(store.take_syncs("two", ABANDONED).await.unwrap().is_empty(), "it gave a sign of life");
    pass(&store, 11);
    assert!(store.take_syncs("one", ABANDONED).await.unwrap().is_empty(), "nobody takes it from himself");
    let taken = store.take_syncs("two", ABANDONED).await.unwrap();
    assert_eq!((taken[0].id, taken[0].owner.as_deref()), (run.id, Some("two")));
    assert_eq!(store.beat_sync(run.id, "one").await.unwrap(), None, "it is another's by now");
}

pub async fn a_cancelled_sync_stays_so(store: Store) {
    let run = store.start_sync("stripe", &KINDS).await.unwrap();
    store.take_syncs("one", ABANDONED).await.unwrap();
    assert_eq!(store.beat_sync(run.id, "one").await.unwrap(), Some(false));
    store.request_cancel(run.id).await.unwrap();
    assert_eq!(store.beat_sync(run.id, "one").await.unwrap(), Some(true));
    store.finish_sync(run.id, &SyncEnd::of(SyncState::Cancelled)).await.unwrap();
    store.finish_sync(run.id, &SyncEnd::of(SyncState::Done)).await.unwrap();
    assert_eq!(store.sync(run.id).await.unwrap().unwrap().state, SyncState::Cancelled, "an end is an end");
    assert_eq!(store.beat_sync(run.id, "one").await.unwrap(), None);
    assert!(!store.retry_sync_now("stripe").await.unwrap(), "somebody wanted its end");
}

/// Ends with customers missing, to be tried again in a minute.
async fn incomplete(store: &Store) -> uuid::Uuid {
    let run = store.start_sync("stripe", &KINDS).await.unwrap();
    store.take_syncs("one", ABANDONED).await.unwrap();
    let progress = SyncProgress { unread: vec![missing(&KINDS[1], "No permission.")], done: 200, changed: 7 };
    let mut tx = store.begin().await.unwrap();
    tx.save_sync_progress(run.id, &progress).await.unwrap();
    tx.commit().await.unwrap();
    let retry_at = Some(store.clock().now().plus(Duration::from_mins(1)));
    let end = SyncEnd { retry_at, ..SyncEnd::of(SyncState::Incomplete) };
    store.finish_sync(run.id, &end).await.unwrap();
    run.id
}

pub async fn an_incomplete_sync_runs_again_at_its_time_for_what_is_missing(store: Store) {
    let id = incomplete(&store).await;
    pass(&store, 59);
    store.retry_syncs(&["stripe"]).await.unwrap();
    assert!(store.take_syncs("two", ABANDONED).await.unwrap().is_empty(), "it is not due yet");
    pass(&store, 1);
    store.retry_syncs(&["mux"]).await.unwrap();
    assert!(store.take_syncs("two", ABANDONED).await.unwrap().is_empty(), "this process has other connections");
    store.retry_syncs(&["mux", "stripe"]).await.unwrap();
    store.retry_syncs(&["mux", "stripe"]).await.unwrap();
    let taken = store.take_syncs("two", ABANDONED).await.unwrap();
    assert_eq!(taken.iter().map(|run| (run.id, run.attempts, run.retry_at)).collect::<Vec<_>>(), [(id, 2, None)]);
    let customers = Unread { problem: None, ..missing(&KINDS[1], "") };
    assert_eq!((taken[0].unread.clone(), taken[0].done), (vec![customers], 200), "it goes on at the cursor");
}

pub async fn an_incomplete_sync_can_be_tried_again_at_once(store: Store) {
    assert!(!store.retry_sync_now("stripe").await.unwrap(), "there is none");
    let id = incomplete(&store).await;
    assert!(store.retry_sync_now("stripe").await.unwrap());
    store.retry_syncs(&["stripe"]).await.unwrap();
    assert_eq!(store.take_syncs("two", ABANDONED).await.unwrap().len(), 1);
    assert!(!store.retry_sync_now("stripe").await.unwrap(), "it runs");
    store.finish_sync(id, &SyncEnd::of(SyncState::Done)).await.unwrap();
    assert!(!store.retry_sync_now("stripe").await.unwrap(), "nothing is missing");
}

pub async fn a_new_sync_takes_the_place_of_an_incomplete_one(store: Store) {
    let old = incomplete(&store).await;
    let new = store.start_sync("stripe", &KINDS).await.unwrap();
    pass(&store, 3_600);
    store.retry_syncs(&["stripe"]).await.unwrap();
    let taken = store.take_syncs("two", ABANDONED).await.unwrap();
    assert_eq!(taken.iter().map(|run| run.id).collect::<Vec<_>>(), [new.id]);
    let old = store.sync(old).await.unwrap().unwrap();
    assert_eq!((old.state, old.retry_at), (SyncState::Incomplete, None), "its end stays told");
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
