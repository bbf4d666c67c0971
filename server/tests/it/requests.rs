//! How much anybody on the network, or any one person, may ask for.

use crate::{
    database::{Database, Folder},
    server::{METRICS_TOKEN, PATIENCE, Server, free_address, output, patchbay, text},
    sessions::Site,
};
use patchbay_domain::event::Envelope;
use patchbay_net::testing::{Authority, Identity};
use patchbay_store::NewEvent;
use reqwest::{Response, StatusCode};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn metric(server: &Server, name: &str) -> i64 {
    let text = server.numbers().await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Looks again until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_ask_so_often_and_is_told_what_is_left_and_when_to_come_again() {
    let database = Database::sqlite();
    let settings = [("PATCHBAY_VISITS_PER_MINUTE", "3"), ("PATCHBAY_SIGN_INS_PER_MINUTE", "2")];
    let server = Server::start_with(&database, &settings).await;
    let from = async |address: &str, path: &str| {
        server.http.get(server.url(path)).header("x-forwarded-for", address).send().await.unwrap()
    };
    for left in [2, 1, 0] {
        let answer = from("203.0.113.7", "/events").await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "nobody can sign in here");
        assert_eq!(header(&answer, "ratelimit-policy"), "\"visits\";q=3;w=60");
        assert!(header(&answer, "ratelimit").starts_with(&format!("\"visits\";r={left};t=")), "{answer:?}");
    }
    let refused = from("203.0.113.7", "/").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=20).contains(&header(&refused, "retry-after").parse::<u32>().unwrap()), "{refused:?}");
    assert!(header(&refused, "ratelimit").starts_with("\"visits\";r=0;t="), "{refused:?}");
    assert!(refused.text().await.unwrap().contains("try again"));
    assert_eq!(from("203.0.113.8", "/").await.status(), StatusCode::SERVICE_UNAVAILABLE, "another address");
    for status in [503, 503, 429] {
        assert_eq!(from("203.0.113.9", "/sign-in").await.status(), status);
    }
    // What costs nothing, and what backpressure limits.
    for _ in 0..10 {
        assert_eq!(from("203.0.113.7", "/healthz").await.status(), 200);
        let delivery = server.delivery("/webhooks/stripe", None, b"{}").header("x-forwarded-for", "203.0.113.7");
        assert_eq!(delivery.send().await.unwrap().status(), 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_read_and_act_so_often_from_wherever_they_are() {
    let settings = [("PATCHBAY_PAGES_PER_MINUTE", "3"), ("PATCHBAY_ACTIONS_PER_MINUTE", "1")];
    let site = Site::start_on(Database::sqlite(), &settings).await;
    let (server, ada) = (&site.server, site.cookie("user_ada"));
    let read = async |cookie: &str, address: &str| {
        let request = server.http.get(server.url("/search.json?q=a")).header("cookie", cookie);
        request.header("x-forwarded-for", address).send().await.unwrap().status().as_u16()
    };
    for (address, status) in [("203.0.113.1", 200), ("203.0.113.2", 200), ("203.0.113.3", 200), ("203.0.113.4", 429)] {
        assert_eq!(read(&ada, address).await, status, "from {address}");
    }
    let ben = site.cookie("user_ben");
    assert_eq!(read(&ben, "203.0.113.1").await, 200, "somebody else");
    let act = async || {
        let post = server.http.post(server.url("/actions/replay-events")).header("cookie", &ada);
        let post = post.header("sec-fetch-site", "same-origin").form(&[("ids", ""), ("filter", "")]);
        post.send().await.unwrap().status().as_u16()
    };
    assert_ne!(act().await, 429);
    assert_eq!(act().await, 429);
}

/// A real Redis on a port of its own.
struct Redis {
    process: Child,
    address: String,
    folder: Folder,
    is_tls: bool,
}

impl Redis {
    fn start() -> Self {
        let (address, folder) = (free_address(), Folder::new());
        Self { process: Self::spawn(&address, &folder, false), address, folder, is_tls: false }
    }

    /// Over TLS alone.
    fn start_tls(identity: &Identity) -> Self {
        let (address, folder) = (free_address(), Folder::new());
        std::fs::write(folder.path().join("redis.crt"), &identity.certificate).unwrap();
        std::fs::write(folder.path().join("redis.key"), &identity.key).unwrap();
        Self { process: Self::spawn(&address, &folder, true), address, folder, is_tls: true }
    }

    fn spawn(address: &str, folder: &Folder, is_tls: bool) -> Child {
        let port = address.rsplit(':').next().unwrap();
        let tls = [
            "--tls-port",
            port,
            "--tls-cert-file",
            "redis.crt",
            "--tls-key-file",
            "redis.key",
            "--tls-auth-clients",
            "no",
        ];
        Command::new("redis-server")
            .current_dir(folder.path())
            .args(["--port", if is_tls { "0" } else { port }])
            .args(if is_tls { &tls[..] } else { &[] })
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is missing: .ci/setup test installs it")
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = Self::spawn(&self.address, &self.folder, self.is_tls);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_limit_through_redis_and_go_on_without_it() {
    let mut redis = Redis::start();
    let url = format!("redis://{}", redis.address);
    let settings = [("PATCHBAY_VISITS_PER_MINUTE", "4"), ("REDIS_URL", url.as_str())];
    let (one, two) = (Database::sqlite(), Database::sqlite());
    let servers = [Server::start_with(&one, &settings).await, Server::start_with(&two, &settings).await];
    let ask = async |server: &Server, address: &str| {
        let request = server.http.get(server.url("/events")).header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    let shared = async |server: &Server, value: i64| metric(server, "patchbay_rate_limits_shared").await == value;
    for server in &servers {
        until("both count in Redis", async || shared(server, 1).await).await;
    }
    for (number, server) in [0, 1, 0, 1].into_iter().enumerate() {
        assert_eq!(ask(&servers[server], "203.0.113.7").await, 503, "request {number}");
    }
    for server in &servers {
        assert_eq!(ask(server, "203.0.113.7").await, 429, "the four were used up on both together");
    }

    redis.kill();
    for server in &servers {
        for status in [503, 503, 503, 503, 429] {
            assert_eq!(ask(server, "203.0.113.8").await, status, "each counts for itself");
        }
        assert!(shared(server, 0).await);
        let told = server.says("Redis is away").await.matches("Redis is away").count();
        assert_eq!(told, 1, "a change of state is told once");
    }

    redis.start_again();
    for server in &servers {
        until("both count in Redis again", async || shared(server, 1).await).await;
    }
    for server in [0, 1, 0, 1] {
        assert_eq!(ask(&servers[server], "203.0.113.9").await, 503);
    }
    assert_eq!(ask(&servers[0], "203.0.113.9").await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_over_tls_is_believed_by_the_product_s_own_authorities() {
    let (ours, others) = (Authority::new("A company's own"), Authority::new("Somebody else's"));
    let mut redis = Redis::start_tls(&ours.identity(&["127.0.0.1"]));
    let url = format!("rediss://{}", redis.address);
    let files = Folder::new();
    let file = |name: &str, pem: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (file("right.pem", &ours.pem), file("wrong.pem", &others.pem));
    let (one, two) = (Database::sqlite(), Database::sqlite());
    let with = |ca| [("REDIS_URL", url.as_str()), ("PATCHBAY_CA_FILE", ca)];
    let trusting = Server::start_with(&one, &with(&right)).await;
    until("requests are counted in Redis", async || metric(&trusting, "patchbay_rate_limits_shared").await == 1).await;
    let wary = Server::start_with(&two, &with(&wrong)).await;
    let sentence = format!("{} has a certificate of an authority that is not trusted here", redis.address);
    until("it is said what to do", async || {
        let logs = wary.logs();
        logs.contains(&sentence) && logs.contains("PATCHBAY_CA_FILE")
    })
    .await;
    assert_eq!(metric(&wary, "patchbay_rate_limits_shared").await, 0);
    let folder = Folder::new();
    let examined = text(&output(patchbay(folder.path(), &with(&wrong)).arg("doctor")).stdout);
    assert!(examined.contains("problem  rate limits: ") && examined.contains(&sentence), "{examined}");
    let examined = text(&output(patchbay(folder.path(), &with(&right)).arg("doctor")).stdout);
    assert!(examined.contains("ok       rate limits: "), "{examined}");
    redis.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_that_limits_are_looser_while_redis_is_away() {
    let database = Database::sqlite();
    let server = Server::start_sandbox_with(&database, &[("REDIS_URL", "redis://127.0.0.1:1")]).await;
    let ada = server.sign_in("ada").await;
    for path in ["/", "/connections"] {
        until("the page says it", async || {
            let page = server.get_as(&ada, path).await.text().await.unwrap();
            page.contains("Redis does not answer") && page.contains("REDIS_URL")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_starts_and_limits_requests_while_redis_was_never_there() {
    let database = Database::sqlite();
    let settings = [("PATCHBAY_VISITS_PER_MINUTE", "1"), ("REDIS_URL", "redis://127.0.0.1:1")];
    let server = Server::start_with(&database, &settings).await;
    for status in [503, 429] {
        assert_eq!(server.get("/events").await.status(), status);
    }
    until("it is said once", async || server.logs().matches("Redis does not answer").count() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_answers_at_once_and_says_that_it_is_not_to_be_gathered() {
    let database = Database::sqlite();
    let server = Server::start_sandbox(&database).await;
    let ada = server.sign_in("ada").await;
    let request = server.http.get(server.url("/live?topics=events")).header("cookie", &ada);
    let mut answer = request.header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-accel-buffering"), "no");
    assert_eq!(header(&answer, "cache-control"), "no-cache, no-transform");
    assert_eq!(header(&answer, "content-encoding"), "");
    let first = answer.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b":"), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_all_together_may_have_so_many_live_streams() {
    let database = Database::sqlite();
    let settings = [("PATCHBAY_LIVE_STREAMS", "3"), ("PATCHBAY_LIVE_STREAMS_PER_PERSON", "2")];
    let server = Server::start_sandbox_with(&database, &settings).await;
    let (ada, ben) = (server.sign_in("ada").await, server.sign_in("ben").await);
    let open = async |cookie: &str| server.get_as(cookie, "/live?topics=events").await;
    let first = open(&ada).await;
    let _second = open(&ada).await;
    let refused = open(&ada).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (429, "30"));
    let _third = open(&ben).await;
    let refused = open(&ben).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "10"));
    drop(first);
    until("the place is given back", async || open(&ben).await.status() == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_for_whoever_asks_from_this_machine_and_through_no_proxy() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    assert_eq!(server.get("/metrics").await.status(), 200);
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
        ("host", "patchbay.example.com"),
    ] {
        let answer = server.http.get(server.url("/metrics")).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{name}: {value}");
    }
    // As a proxy asks that adds no header of its own: nginx as it comes.
    let mut plain = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 404"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_for_nobody_without_a_token_where_others_come_through_a_proxy_that_may_say_nothing_of_itself() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com")]).await;
    // nginx with a bare `proxy_pass` asks so: in its own name, as this machine itself would.
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("PATCHBAY_METRICS_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_for_the_bearer_of_the_token_alone_where_there_is_one() {
    let database = Database::sqlite();
    let token = "0123456789abcdef";
    let server = Server::start_with(&database, &[("PATCHBAY_METRICS_TOKEN", token)]).await;
    let ask = async |token: Option<&str>| {
        let request = server.http.get(server.url("/metrics")).header("x-forwarded-for", "203.0.113.7");
        let request = token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token));
        request.send().await.unwrap()
    };
    for wrong in [None, Some(""), Some("0123456789abcdeF"), Some("0123456789abcdef0")] {
        let answer = ask(wrong).await;
        assert_eq!(answer.status(), 401, "{wrong:?}");
        assert!(header(&answer, "www-authenticate").starts_with("Bearer"));
        assert!(!answer.text().await.unwrap().contains("patchbay_inbox"));
    }
    assert!(ask(Some(token)).await.text().await.unwrap().contains("patchbay_inbox"));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_may_have_an_address_of_their_own() {
    let database = Database::sqlite();
    let address = free_address();
    let server = Server::start_with(&database, &[("PATCHBAY_METRICS_ADDR", address.as_str())]).await;
    assert_eq!(server.get("/metrics").await.status(), 404);
    let apart = async |path: &str| server.http.get(format!("http://{address}{path}")).send().await.unwrap();
    assert!(apart("/metrics").await.text().await.unwrap().contains("patchbay_inbox"));
    assert_eq!(apart("/healthz").await.status(), 200);
    assert_eq!(apart("/events").await.status(), 404);
}

/// Enough payloads that looking into all of them takes a while.
async fn many_large_events(database: &Database) {
    let store = database.store().await;
    store.migrate().await.unwrap();
    let filling = "x-y z".repeat(4_000);
    for batch in 0..40 {
        let events: Vec<NewEvent> = (0..250)
            .map(|number| {
                let id = format!("evt_{batch}_{number}");
                let envelope = Envelope {
                    external_id: id.clone(),
                    event_type: "customer.updated".to_owned(),
                    object: None,
                    occurred_at: store.clock().now(),
                };
                NewEvent {
                    id: store.new_id(),
                    connection: "stripe".to_owned(),
                    envelope,
                    received_at: store.clock().now(),
                    headers: Vec::new(),
                    body: format!(r#"{{"id":"{id}","filling":"{filling}"}}"#).into(),
                    request_id: "req_test".to_owned(),
                }
            })
            .collect();
        store.insert_events(&events).await.unwrap();
    }
    store.close().await;
}

const SEARCH: &str = "/events.csv?text=nowhere-to-be-found";

#[tokio::test(flavor = "multi_thread")]
async fn a_search_within_payloads_ends_when_whoever_asked_has_left_and_pages_go_on_meanwhile() {
    let database = Database::sqlite();
    many_large_events(&database).await;
    let site = Site::start_on(database, &[("PATCHBAY_METRICS_TOKEN", METRICS_TOKEN)]).await;
    let (server, ada) = (&site.server, site.cookie("user_ada"));
    for (number, path) in [SEARCH, "/events?text=nowhere-to-be-found"].into_iter().enumerate() {
        let mut leaves = TcpStream::connect(server.address()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {ada}\r\nSec-Fetch-Dest: empty\r\n\r\n",
            server.address()
        );
        leaves.write_all(request.as_bytes()).await.unwrap();
        until("it searches", async || metric(server, "patchbay_payload_searches").await == 1).await;
        assert_eq!(server.get_as(&ada, "/search.json?q=a").await.status(), 200);
        drop(leaves);
        let left = i64::try_from(number + 1).unwrap();
        until("it ends", async || metric(server, r#"patchbay_payload_searches_total{outcome="left"}"#).await == left)
            .await;
        assert_eq!(metric(server, "patchbay_payload_searches").await, 0);
    }
}
