//! The gateway against a real HTTP server that answers from a script.

#![expect(clippy::disallowed_methods, reason = "a test injects its own client")]

use super::*;
use axum::{Router, extract::State, response::IntoResponse};
use http::Method;
use rand::Rng;
use std::{collections::VecDeque, sync::Mutex};

type Script = Arc<Mutex<VecDeque<(u16, &'static str)>>>;

#[derive(Default)]
struct Rows(Mutex<Vec<CallRecord>>);

impl CallLog for Rows {
    fn record(&self, record: CallRecord) {
        self.0.lock().unwrap().push(record);
    }
}

impl Rows {
    fn statuses(&self) -> Vec<Option<u16>> {
        self.0.lock().unwrap().iter().map(|row| row.status).collect()
    }
}

/// 503 is temporary; 429 asks for the pause in its body, in milliseconds; all else is refused.
fn classify(status: StatusCode, _: &HeaderMap, body: &[u8]) -> ProviderError {
    let text = String::from_utf8_lossy(body).into_owned();
    match status.as_u16() {
        503 => ProviderError::new("Test", "", ErrorKind::ProviderFault, text),
        429 => {
            let mut error = ProviderError::new("Test", "", ErrorKind::RateLimited, "slow down");
            error.retry_after = text.parse().ok().map(Duration::from_millis);
            error
        }
        _ => ProviderError::new("Test", "", ErrorKind::Refused, text),
    }
}

async fn answer(State(script): State<Script>) -> impl IntoResponse {
    let (status, body) = script.lock().unwrap().pop_front().unwrap_or((200, "ok"));
    let headers = [("date", "Tue, 14 Nov 2023 22:13:20 GMT"), ("request-id", "req_1")];
    (StatusCode::from_u16(status).unwrap(), headers, body)
}

async fn serve(answers: &[(u16, &'static str)]) -> (Base, Script) {
    let script: Script = Arc::new(Mutex::new(answers.iter().copied().collect()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Base::parse(&format!("http://{}", listener.local_addr().unwrap()), false).unwrap();
    let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, script)
}

fn gateway(url: Base) -> (Gateway, Arc<Rows>) {
    let rows = Arc::new(Rows::default());
    let mut config = GatewayConfig::new("test", "Test", url, classify, Clock::fixed(Timestamp::from_seconds(1_000)));
    config.rng = StdRng::seed_from_u64(1);
    config.timeout = Duration::from_secs(2);
    (Gateway::new(config, reqwest::Client::new(), Arc::clone(&rows) as Arc<dyn CallLog>), rows)
}

fn post(key: Option<&str>) -> Call {
    Call {
        idempotency_key: key.map(str::to_owned),
        ..Call::new("things.create", Method::POST, "/things?email=a%40b.example")
    }
}

#[tokio::test]
async fn a_temporary_failure_is_tried_again_and_every_attempt_is_logged() {
    let (url, _) = serve(&[(503, "down"), (200, "fine")]).await;
    let (gateway, rows) = gateway(url);
    let reply = caused_by("event:1", gateway.send(Call::get("things.read", "/things/1"))).await.unwrap();
    assert_eq!(reply.body, "fine");
    assert_eq!(reply.date, Some(Timestamp::from_seconds(1_700_000_000)));
    assert_eq!(rows.statuses(), [Some(503), Some(200)]);
    let rows = rows.0.lock().unwrap();
    assert_eq!(
        (rows[1].attempt, rows[1].request_id.as_deref(), rows[1].cause.as_deref()),
        (2, Some("req_1"), Some("event:1"))
    );
}

#[tokio::test]
async fn retries_end_after_two_more_attempts() {
    let (url, _) = serve(&[(503, "1"), (503, "2"), (503, "3"), (200, "never")]).await;
    let (gateway, rows) = gateway(url);
    let error = gateway.send(Call::get("things.read", "/things/1")).await.unwrap_err();
    assert_eq!((error.kind, error.status, &*error.operation), (ErrorKind::ProviderFault, Some(503), "things.read"));
    assert_eq!(rows.statuses().len(), 3);
    assert_eq!(gateway.status().failures, 3);
}

#[tokio::test]
async fn a_post_is_repeated_only_with_an_idempotency_key() {
    let (url, script) = serve(&[(503, "down"), (200, "fine")]).await;
    let (gateway, rows) = gateway(url);
    assert!(gateway.send(post(None)).await.is_err());
    script.lock().unwrap().push_front((503, "down"));
    assert!(gateway.send(post(Some("key"))).await.is_ok());
    assert_eq!(rows.statuses(), [Some(503), Some(503), Some(200)]);
    assert_eq!(rows.0.lock().unwrap()[0].path, "/things?email=***");
}

#[tokio::test]
async fn the_providers_own_pause_is_obeyed_and_a_long_one_is_handed_back() {
    let (url, _) = serve(&[(429, "1"), (200, "fine"), (429, "60000")]).await;
    let (gateway, rows) = gateway(url);
    assert!(gateway.send(Call::get("things.read", "/things/1")).await.is_ok());
    let error = gateway.send(Call::get("things.read", "/things/1")).await.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_mins(1)));
    assert_eq!(rows.statuses(), [Some(429), Some(200), Some(429)]);
}

#[tokio::test]
async fn repeated_failures_open_the_breaker_and_nothing_goes_out() {
    let (url, _) = serve(&[(503, ""); 20]).await;
    let (gateway, rows) = gateway(url);
    for _ in 0..5 {
        let call = Call { retry: RetryRule::Never, ..Call::get("things.read", "/things/1") };
        assert_eq!(gateway.send(call).await.unwrap_err().kind, ErrorKind::ProviderFault);
    }
    let error = gateway.send(Call::get("things.read", "/things/1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BreakerOpen);
    assert!(matches!(gateway.status().breaker, Breaker::Open { .. }));
    assert_eq!(rows.statuses().len(), 5);
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_the_query_is_not_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (gateway, _) = gateway(Base::parse(&format!("http://127.0.0.1:{port}"), false).unwrap());
    let call = Call { retry: RetryRule::Never, ..Call::get("things.read", "/things?email=ada") };
    let error = gateway.send(call).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(
        *error.message,
        format!(
            "127.0.0.1:{port} refuses the connection: nothing listens there, or a firewall is in between. Check host and port"
        )
    );
}

#[test]
fn retries_wait_as_long_as_the_provider_asks_or_do_not_happen() {
    let (gateway, _) = gateway(Base::parse("http://127.0.0.1:1", false).unwrap());
    let operation = Operation { name: "things.read", verb: "GET", target: "/things/1".to_owned(), may_repeat: true };
    for seed in 0..3_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let attempt = random.random_range(0..5);
        let asked = random.random_bool(0.7).then(|| Duration::from_millis(random.random_range(0..10_000)));
        let mut error = ProviderError::new("Test", "", ErrorKind::RateLimited, "slow down");
        error.retry_after = asked;
        let pause = gateway.policy().pause_before_retry(&operation, attempt, &error);
        let may = attempt < policy::MAX_RETRIES && asked.is_none_or(|asked| asked <= retry::MAX_PAUSE);
        assert_eq!(pause.is_some(), may, "seed {seed}, attempt {attempt}, asked for {asked:?}");
        if let (Some(pause), Some(asked)) = (pause, asked) {
            assert_eq!(pause, asked, "seed {seed}");
        }
    }
}

/// As a broker or a database is asked, which knows no HTTP.
#[tokio::test]
async fn other_protocols_run_under_the_same_policy() {
    let (gateway, rows) = gateway(Base::parse("http://127.0.0.1:1", false).unwrap());
    let publish =
        |may_repeat| Operation { name: "messages.publish", verb: "publish", target: "orders".to_owned(), may_repeat };
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let second_time = || async {
        if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(ProviderError::new("Test", "", ErrorKind::Unreachable, "the channel closed"));
        }
        Ok(Answered { value: 7, status: None, request_id: None })
    };
    assert_eq!(gateway.policy().run(&publish(true), second_time).await.unwrap(), 7);
    {
        let rows = rows.0.lock().unwrap();
        assert_eq!(rows.iter().map(|row| row.attempt).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((rows[0].method.as_str(), rows[0].path.as_str(), rows[0].status), ("publish", "orders", None));
    }
    let never = || async { Err::<Answered<()>, _>(ProviderError::new("Test", "", ErrorKind::Unreachable, "gone")) };
    for _ in 0..5 {
        assert_eq!(gateway.policy().run(&publish(false), never).await.unwrap_err().kind, ErrorKind::Unreachable);
    }
    // The breaker is the connection's, whatever the protocol.
    let error = gateway.send(Call::get("things.read", "/things/1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BreakerOpen);
}

#[tokio::test]
async fn an_attempt_that_was_lost_is_not_forgotten_when_the_next_one_is_not_even_sent() {
    use ErrorKind::{Gone, ProviderFault, RateLimited, Refused, Unreachable};
    for (kinds, in_doubt) in [
        (vec![(ProviderFault, false), (Unreachable, true), (RateLimited, false)], true),
        (vec![(Unreachable, false), (Gone, false)], true),
        (vec![(Unreachable, false), (Refused, false)], false),
        (vec![(Unreachable, true), (Unreachable, true), (RateLimited, false)], false),
        (vec![(Gone, false)], false),
    ] {
        let (gateway, _) = gateway(Base::parse("http://127.0.0.1:1", false).unwrap());
        let answers = Mutex::new(VecDeque::from(kinds.clone()));
        let attempt = || async {
            let (kind, never_sent) = answers.lock().unwrap().pop_front().unwrap();
            let error = ProviderError::new("Test", "", kind, "");
            Err::<Answered<()>, _>(ProviderError { never_sent, retry_after: Some(Duration::ZERO), ..error })
        };
        let operation = Operation { name: "things.pay", verb: "POST", target: String::new(), may_repeat: true };
        let error = gateway.policy().run(&operation, attempt).await.unwrap_err();
        assert_eq!(error.may_be_done(), in_doubt, "{kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_hangs_ends_with_its_time_and_is_logged() {
    let (gateway, rows) = gateway(Base::parse("http://127.0.0.1:1", false).unwrap());
    let operation = Operation { name: "queue.read", verb: "get", target: "jobs".to_owned(), may_repeat: false };
    let hangs = std::future::pending::<Result<Answered<()>, ProviderError>>;
    let error = gateway.policy().run(&operation, hangs).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("within 2 s"), "{error}");
    assert_eq!(rows.0.lock().unwrap().len(), 1);
}
