//! Syncs of an account that moves while it is read, and of keys that may not read everything.

use crate::{
    actions::{operator, staff},
    world::World,
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use patchbay_domain::{
    Kind, ObjectKey, Role,
    billing::{CUSTOMER, INVOICE, PAYMENT_METHOD},
    error::Reason,
};
use patchbay_engine::{Engine, Retention};
use patchbay_store::{PageRequest, RecordFilter, SyncRun, SyncState};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

/// An account whose objects have nothing but ids, and whose lists are Stripe's.
#[derive(Default)]
struct Account {
    /// By path, in the order of the list.
    objects: BTreeMap<String, Vec<String>>,
    /// What goes as soon as a request that ends like this was answered.
    going: Vec<(&'static str, Vec<String>)>,
    /// Paths that the keys may not read.
    forbidden: BTreeSet<&'static str>,
    /// Paths, with or without their queries, that answer with this status and these headers.
    broken: BTreeMap<&'static str, Broken>,
    /// Objects that are there and stand in no list.
    hidden: BTreeSet<&'static str>,
    /// No cursor is known when it comes back.
    forgets: bool,
    asked: Vec<String>,
}

/// Status and headers.
type Broken = (u16, &'static [(&'static str, &'static str)]);
type Shared = Arc<Mutex<Account>>;

async fn answer(State(account): State<Shared>, uri: Uri) -> Response {
    let mut account = account.lock().unwrap();
    account.asked.push(uri.to_string());
    let answer = account.answer(&uri);
    let gone: Vec<String> = account
        .going
        .iter()
        .filter(|(end, _)| uri.to_string().ends_with(end))
        .flat_map(|(_, ids)| ids.clone())
        .collect();
    for ids in account.objects.values_mut() {
        ids.retain(|id| !gone.contains(id));
    }
    answer
}

fn missing(status: StatusCode, param: &str, id: &str) -> Response {
    let error = json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": param, "message": format!("No such object: '{id}'")}});
    (status, Json(error)).into_response()
}

impl Account {
    fn answer(&self, uri: &Uri) -> Response {
        let path = uri.path();
        if let Some((status, headers)) = self.broken.get(path).or_else(|| self.broken.get(uri.to_string().as_str())) {
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            return (StatusCode::from_u16(*status).unwrap(), headers).into_response();
        }
        if self.forbidden.contains(path) {
            let words = "The provided key 'rk_test_***1a2b' does not have the required permissions for this endpoint on account \
                         'acct_1'. Having the 'rak_some_read' permission would allow this request to continue. Ask ada@a.example.";
            let error = json!({"error": {"type": "invalid_request_error", "message": words}});
            return (StatusCode::FORBIDDEN, Json(error)).into_response();
        }
        if path == "/v1/account" {
            return Json(json!({"id": "acct_1"})).into_response();
        }
        if let Some(customer) =
            path.strip_prefix("/v1/customers/").and_then(|rest| rest.strip_suffix("/payment_methods"))
            && !self.objects["/v1/customers"].iter().any(|id| id == customer)
        {
            return missing(StatusCode::NOT_FOUND, "customer", customer);
        }
        if let Some((list, id)) = path.rsplit_once('/')
            && let Some(ids) = self.objects.get(list)
        {
            let is_there = ids.iter().any(|other| other == id) || self.hidden.contains(id);
            let object = || Json(json!({"id": id, "created": 1_700_000_000})).into_response();
            return if is_there { object() } else { missing(StatusCode::NOT_FOUND, "id", id) };
        }
        self.list(path, uri.query().unwrap_or_default())
    }

    fn list(&self, path: &str, query: &str) -> Response {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let none = Vec::new();
        let ids = self.objects.get(path).unwrap_or(&none);
        let start = match value("starting_after") {
            None => 0,
            Some(after) => match ids.iter().position(|id| id == after && !self.forgets) {
                Some(at) => at + 1,
                None => return missing(StatusCode::BAD_REQUEST, "starting_after", after),
            },
        };
        let limit: usize = value("limit").unwrap().parse().unwrap();
        let data: Vec<Value> =
            ids[start..].iter().take(limit).map(|id| json!({"id": id, "created": 1_700_000_000})).collect();
        Json(json!({"object": "list", "has_more": start + data.len() < ids.len(), "data": data})).into_response()
    }
}

struct Setting {
    world: World,
    engine: Engine,
    account: Shared,
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:03}")).collect()
}

/// 12 customers, of whom one has a card, and 150 invoices; changed by the test before anything is read.
async fn account(change: impl FnOnce(&mut Account)) -> Setting {
    let mut account = Account::default();
    account.objects.insert("/v1/customers".to_owned(), ids("cus_s", 12));
    account.objects.insert("/v1/customers/cus_s007/payment_methods".to_owned(), ids("pm_", 1));
    account.objects.insert("/v1/invoices".to_owned(), ids("in_", 150));
    change(&mut account);
    let account = Arc::new(Mutex::new(account));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(account.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::new().await;
    let mut variables = world.variables.clone();
    variables.insert("STRIPE_API_BASE".to_owned(), base);
    variables.insert("STRIPE_SECRET_KEY".to_owned(), "rk_test_1a2b".to_owned());
    let engine = world.engine_with(&[("stripe", &variables)], Retention::default()).await;
    Setting { world, engine, account }
}

async fn forbidding(path: &'static str) -> Setting {
    account(|account| {
        account.forbidden.insert(path);
    })
    .await
}

async fn breaking(path: &'static str, answer: Broken) -> Setting {
    account(|account| {
        account.broken.insert(path, answer);
    })
    .await
}

impl Setting {
    /// A new sync, to its end.
    async fn sync(&self) -> SyncRun {
        self.engine.start_sync("stripe", false).await.unwrap();
        self.go_on().await
    }

    /// Another one, later.
    async fn sync_again(&self, thorough: bool) -> SyncRun {
        self.world.clock.advance(Duration::from_mins(1));
        self.engine.start_sync("stripe", thorough).await.unwrap();
        self.go_on().await
    }

    /// Whatever is due, to its end.
    async fn go_on(&self) -> SyncRun {
        self.account.lock().unwrap().asked.clear();
        self.engine.drain_syncs().await.unwrap();
        self.engine.store().latest_sync("stripe").await.unwrap().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account.lock().unwrap());
    }

    /// Lists that were read, without the looks at one object.
    fn asked(&self) -> Vec<String> {
        self.asked_for("/v1/")
            .into_iter()
            .filter(|asked| asked.contains("limit=100") || asked.contains("limit=20"))
            .collect()
    }

    fn asked_for(&self, start: &str) -> Vec<String> {
        let asked = self.account.lock().unwrap().asked.clone();
        asked.into_iter().filter(|asked| asked.starts_with(start) && !asked.ends_with("limit=1")).collect()
    }

    async fn records(&self, kind: Kind) -> usize {
        let page = PageRequest { limit: 500, ..PageRequest::default() };
        self.engine.store().list_records(&RecordFilter::of(kind), &page).await.unwrap().items.len()
    }
}

fn missing_kinds(run: &SyncRun) -> Vec<&str> {
    run.missing().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn when_the_object_of_the_cursor_goes_the_list_goes_on_at_the_one_before() {
    let setting = account(|account| account.going.push(("/v1/invoices?limit=100", vec!["in_099".to_owned()]))).await;
    let run = setting.sync().await;
    assert_eq!(
        (run.state, setting.records(INVOICE).await, run.done),
        (SyncState::Done, 150, 163),
        "each was seen once"
    );
    let pages = ["", "&starting_after=in_099", "&starting_after=in_098"];
    assert_eq!(setting.asked_for("/v1/invoices?"), pages.map(|after| format!("/v1/invoices?limit=100{after}")));
}

#[tokio::test]
async fn when_a_whole_page_goes_the_kind_is_read_anew() {
    let setting = account(|account| account.going.push(("/v1/invoices?limit=100", ids("in_", 100)))).await;
    let run = setting.sync().await;
    assert_eq!((run.state, setting.records(INVOICE).await), (SyncState::Done, 150));
}

#[tokio::test]
async fn a_list_whose_cursors_are_never_known_is_given_up_and_the_others_are_read() {
    let setting = account(|account| account.forgets = true).await;
    let run = setting.sync().await;
    assert_eq!((run.state, missing_kinds(&run)), (SyncState::Incomplete, vec!["invoice"]));
    let (_, problem) = run.missing().next().unwrap();
    assert!(problem.why.contains("No such object: 'in_036'"), "the last that was tried: {problem}");
    assert_eq!((setting.asked_for("/v1/invoices?").len(), setting.records(CUSTOMER).await), (3 * (1 + 7), 12));
}

#[tokio::test]
async fn what_no_list_names_any_more_is_read_and_goes_only_where_the_provider_says_so() {
    let setting = account(|_| ()).await;
    assert_eq!(setting.sync().await.state, SyncState::Done);
    setting.change(|account| {
        let unlisted = ["in_003", "in_004", "in_005"];
        account.objects.get_mut("/v1/invoices").unwrap().retain(|id| !unlisted.contains(&id.as_str()));
        account.hidden.insert("in_004");
        account.broken.insert("/v1/invoices/in_005", (403, &[]));
    });
    let run = setting.sync_again(false).await;
    assert_eq!((run.state, run.changed, run.unread), (SyncState::Done, 1, Vec::new()));
    assert_eq!(
        setting.asked_for("/v1/invoices/"),
        ["/v1/invoices/in_003", "/v1/invoices/in_004", "/v1/invoices/in_005"]
    );
    assert_eq!(setting.records(INVOICE).await, 149);
    let key = ObjectKey::new(INVOICE, "in_003");
    assert!(setting.engine.store().record("stripe", &key).await.unwrap().unwrap().deleted);
    // What is gone is not asked for again.
    setting.sync_again(false).await;
    assert_eq!(setting.asked_for("/v1/invoices/"), ["/v1/invoices/in_004", "/v1/invoices/in_005"]);
}

#[tokio::test]
async fn a_list_that_lacks_much_removes_nothing_before_a_person_says_so() {
    let setting = account(|_| ()).await;
    setting.sync().await;
    setting.change(|account| account.objects.get_mut("/v1/invoices").unwrap().truncate(100));
    let run = setting.sync_again(false).await;
    assert_eq!((run.state, missing_kinds(&run)), (SyncState::Incomplete, vec!["invoice"]));
    let (_, problem) = run.missing().next().unwrap();
    assert!(problem.why.starts_with("The list lacks 50 of the 150 invoices"), "{problem}");
    assert!(run.awaits_word() && setting.asked_for("/v1/invoices/").is_empty());
    assert_eq!(setting.records(INVOICE).await, 150);
    let run = setting.sync_again(true).await;
    assert_eq!((run.state, run.changed, run.awaits_word()), (SyncState::Done, 50, false));
    assert_eq!((setting.asked_for("/v1/invoices/").len(), setting.records(INVOICE).await), (50, 100));
}

#[tokio::test]
async fn a_list_that_was_short_by_a_fault_is_read_again_by_itself_and_nothing_is_gone() {
    let setting = account(|_| ()).await;
    setting.sync().await;
    setting.change(|account| account.objects.get_mut("/v1/invoices").unwrap().truncate(0));
    let run = setting.sync_again(false).await;
    assert_eq!((run.state, setting.records(INVOICE).await), (SyncState::Incomplete, 150));
    setting.change(|account| drop(account.objects.insert("/v1/invoices".to_owned(), ids("in_", 150))));
    setting.world.clock.advance(Duration::from_hours(1));
    let run = setting.go_on().await;
    assert_eq!((run.state, run.unread), (SyncState::Done, Vec::new()));
    assert_eq!((setting.records(INVOICE).await, setting.asked_for("/v1/invoices/").len()), (150, 0));
}

#[tokio::test]
async fn payment_methods_of_a_customer_who_went_are_passed_over() {
    let setting = account(|account| {
        account.going.push(("/v1/customers?limit=20", vec!["cus_s005".to_owned()]));
        account.going.push(("/v1/customers/cus_s006/payment_methods?limit=100", vec!["cus_s009".to_owned()]));
    })
    .await;
    let run = setting.sync().await;
    assert_eq!((run.state, setting.records(PAYMENT_METHOD).await), (SyncState::Done, 1));
    assert_eq!(setting.records(INVOICE).await, 150);
}

#[tokio::test]
async fn a_kind_that_the_keys_may_not_read_is_told_in_the_provider_s_words_and_the_others_are_read() {
    let setting = forbidding("/v1/customers").await;
    let run = setting.sync().await;
    assert_eq!((run.state, missing_kinds(&run)), (SyncState::Incomplete, vec!["customer", "payment_method"]));
    let (_, problem) = run.missing().next().unwrap();
    assert!(
        problem.why.contains("'rak_some_read' permission") && problem.what_to_do.contains("Customers: Read"),
        "{problem}"
    );
    for secret in ["1a2b", "ada@a.example"] {
        assert!(!problem.to_string().contains(secret), "{problem}");
    }
    assert_eq!((setting.records(INVOICE).await, run.error), (150, None));
}

#[tokio::test]
async fn an_incomplete_sync_is_tried_again_by_itself_for_what_is_missing_until_nothing_is() {
    let setting = forbidding("/v1/invoices").await;
    let mut run = setting.sync().await;
    let mut pauses = Vec::new();
    for attempts in 2..=4 {
        let (clock, retry_at) = (&setting.world.clock, run.retry_at.unwrap());
        pauses.push(retry_at.since(clock.now()));
        assert_eq!(setting.go_on().await, run, "it is not due yet");
        clock.advance(retry_at.since(clock.now()));
        run = setting.go_on().await;
        assert_eq!(setting.asked(), ["/v1/invoices?limit=100"]);
        assert_eq!((run.state, missing_kinds(&run), run.attempts), (SyncState::Incomplete, vec!["invoice"], attempts));
    }
    assert!(pauses.is_sorted() && pauses[2] > pauses[0] * 4, "{pauses:?}");
    setting.change(|account| account.forbidden.clear());
    setting.world.clock.advance(Duration::from_hours(1));
    run = setting.go_on().await;
    assert_eq!((run.state, run.unread, run.retry_at), (SyncState::Done, Vec::new(), None));
    assert_eq!(setting.records(INVOICE).await, 150);
}

#[tokio::test]
async fn a_kind_that_fails_half_way_goes_on_where_it_was() {
    const SECOND: &str = "/v1/invoices?limit=100&starting_after=in_099";
    let setting = breaking(SECOND, (500, &[("stripe-should-retry", "false")])).await;
    let run = setting.sync().await;
    assert_eq!((run.state, missing_kinds(&run)), (SyncState::Incomplete, vec!["invoice"]));
    setting.change(|account| account.broken.clear());
    setting.world.clock.advance(Duration::from_hours(1));
    assert_eq!(setting.go_on().await.state, SyncState::Done);
    assert_eq!((setting.asked(), setting.records(INVOICE).await), (vec![SECOND.to_owned()], 150));
}

#[tokio::test]
async fn a_provider_that_wants_a_pause_fails_the_sync_and_gets_it() {
    const PAUSE: &[(&str, &str)] = &[("retry-after", "7200")];
    let setting = breaking("/v1/products", (429, PAUSE)).await;
    let run = setting.sync().await;
    assert_eq!((run.state, setting.asked().len()), (SyncState::Failed, 1), "{run:?}");
    assert_eq!(run.retry_at.unwrap().since(setting.world.clock.now()), Duration::from_hours(2));
    setting.change(|account| account.broken.clear());
    setting.world.clock.advance(Duration::from_hours(2));
    let run = setting.go_on().await;
    assert_eq!((run.state, run.error, setting.records(CUSTOMER).await), (SyncState::Done, None, 12));
}

#[tokio::test]
async fn keys_that_are_not_accepted_are_one_failure_and_not_one_per_kind() {
    let setting = breaking("/v1/products", (401, &[])).await;
    let run = setting.sync().await;
    assert_eq!((run.state, setting.asked().len(), missing_kinds(&run).len()), (SyncState::Failed, 1, 9));
}

#[tokio::test]
async fn a_sync_that_is_cancelled_is_not_tried_again() {
    let setting = forbidding("/v1/invoices").await;
    let run = setting.sync().await;
    setting.world.clock.advance(Duration::from_hours(1));
    setting.engine.store().retry_syncs(&["stripe"]).await.unwrap();
    operator(&setting.engine).cancel_sync("stripe").await.unwrap();
    let cancelled = setting.go_on().await;
    assert_eq!((cancelled.id, cancelled.state, cancelled.retry_at), (run.id, SyncState::Cancelled, None));
    assert!(setting.asked().is_empty());
    setting.world.clock.advance(Duration::from_hours(9));
    assert_eq!(setting.go_on().await.state, SyncState::Cancelled);
}

#[tokio::test]
async fn what_keys_may_read_is_known_after_a_sync_and_found_out_anew_only_on_demand() {
    let setting = forbidding("/v1/invoices").await;
    let staff = setting.engine.staff(&staff(Role::StaffAdmin)).unwrap();
    assert_eq!(staff.access("stripe").await.unwrap(), None);
    setting.sync().await;
    setting.change(|account| account.asked.clear());
    let known = staff.access("stripe").await.unwrap().unwrap();
    assert_eq!((known.at, known.readable.len()), (setting.world.clock.now(), 8));
    assert_eq!(known.unreadable[0].kind, Some(INVOICE));
    assert!(known.unreadable[0].problem.what_to_do.contains("Invoices: Read"), "{known:?}");
    assert!(setting.account.lock().unwrap().asked.is_empty(), "nobody was asked for it");
    setting.world.clock.advance(Duration::from_secs(1));
    let still = operator(&setting.engine).check_connection("stripe").await.unwrap();
    assert_eq!((still.unreadable, still.at), (known.unreadable, setting.world.clock.now()));
    assert_eq!(setting.go_on().await.attempts, 1, "nothing changed, so nothing is tried");
}

#[tokio::test]
async fn what_a_sync_misses_is_read_as_soon_as_a_check_finds_that_it_may_be() {
    let setting = forbidding("/v1/invoices").await;
    assert_eq!(setting.sync().await.state, SyncState::Incomplete);
    setting.change(|account| account.forbidden.clear());
    let found = operator(&setting.engine).check_connection("stripe").await.unwrap();
    assert_eq!((found.unreadable.len(), found.readable.len()), (0, 9));
    assert_eq!(setting.go_on().await.state, SyncState::Done);
    assert_eq!(operator(&setting.engine).check_connection("mux").await.unwrap_err().reason, Reason::NotFound);
}
