//! Signals: what was begun is finished, whichever of them it is.

use crate::{
    database::Database,
    deliveries::{customer_updated, signed},
    server::{Server, client, free_address, patchbay, text},
};
use std::{
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::io::AsyncWriteExt as _;

const SOON: Duration = Duration::from_secs(30);

fn send(pid: u32, signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(process: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < SOON, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signal_that_ends_a_process_lets_it_finish_first() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let database = Database::sqlite();
        let mut server = Server::start(&database).await;
        let body = customer_updated("evt_1");
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
        send(server.pid(), signal);
        let status = server.ended();
        assert!(status.success(), "{signal}: {status}\n{}", server.logs());
        // Filed, worked on, and no lease or worker left behind.
        let processed = "SELECT COUNT(*) FROM event_attempts WHERE outcome = 'processed'";
        assert_eq!(database.count(processed).await, 1, "{signal}");
        assert_eq!(database.count("SELECT COUNT(*) FROM workers").await, 0, "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_what_a_first_one_waits_for() {
    let database = Database::sqlite();
    let mut server = Server::start(&database).await;
    // A request that never comes to its end keeps the server for some seconds.
    let mut open = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let half = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: {}\r\nstripe-signature: t=1,v1=00\r\ncontent-length: 9\r\n\r\n1",
        server.address()
    );
    open.write_all(half.as_bytes()).await.unwrap();
    send(server.pid(), "TERM");
    let started = Instant::now();
    while !server.logs().contains("a second signal ends at once") {
        assert!(started.elapsed() < SOON, "{}", server.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    send(server.pid(), "INT");
    let status = server.ended();
    assert_eq!(status.code(), Some(130), "it was ended by the second one: {status}\n{}", server.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_watched_by_http_where_it_is_given_an_address_and_ends_by_a_signal() {
    let database = Database::sqlite();
    let address = free_address();
    let mut worker = patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)])
        .args(["worker", "--addr", &address])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let get = async |path: &str| client().get(format!("http://{address}{path}")).send().await;
    while get("/healthz").await.is_err() {
        assert!(started.elapsed() < SOON && worker.try_wait().unwrap().is_none(), "the worker does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get("/readyz").await.unwrap().status(), 200);
    let metrics = get("/metrics").await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\npatchbay_pending_events 0\n"), "{metrics}");
    assert_eq!(get("/").await.unwrap().status(), 404, "it has no pages");
    send(worker.id(), "TERM");
    assert!(ended(&mut worker).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_a_worker_cannot_have_is_refused_where_it_was_asked_for() {
    let database = Database::sqlite();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)])
        .args(["worker", "--addr", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains(&format!("cannot listen on {address}")), "{said}");
}
