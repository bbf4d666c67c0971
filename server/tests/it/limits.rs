//! What strangers can hold: nobody keeps others out by being slow, idle or many.

use crate::{
    database::Database,
    deliveries::{customer_updated, signed},
    server::Server,
};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// How long a connection may stay that its limit of a second or two should have ended.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_HANDSHAKE_SECONDS", "1")]).await;
    let connection = connect(&server).await;
    assert_eq!(rest_of(connection).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_between_requests_is_closed_when_its_time_is_over_and_not_sooner() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_IDLE_SECONDS", "2")]).await;
    let mut connection = connect(&server).await;
    for _ in 0..3 {
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let answer = read_until(&mut connection, "ok\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    let since = Instant::now();
    assert_eq!(rest_of(connection).await, "");
    assert!(since.elapsed() > Duration::from_millis(1_500), "closed after {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_byte_by_byte_is_not_awaited() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_HEAD_SECONDS", "1")]).await;
    for beginning in ["GET /healthz HTTP/1.1\r\n", "POST /webhooks/stripe HTTP/1.1\r\n"] {
        let mut connection = connect(&server).await;
        connection.write_all(beginning.as_bytes()).await.unwrap();
        let since = Instant::now();
        // Whoever sends something now and then would be kept by a limit on silence.
        while connection.write_all(b"X-A: b\r\n").await.is_ok() {
            assert!(since.elapsed() < PATIENCE, "{beginning}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_in_the_middle_of_a_head_is_told_so_and_who_has_begun_none_is_not() {
    let database = Database::sqlite();
    let limits = [("PATCHBAY_HEAD_SECONDS", "1"), ("PATCHBAY_IDLE_SECONDS", "2")];
    let server = Server::start_with(&database, &limits).await;
    let mut first = connect(&server).await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.unwrap();
    let answer = rest_of(first).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("did not come in time."), "{answer}");
    // A second request on a connection whose first was answered; and none at all.
    for (more, expected) in [(&b"GET /h"[..], "HTTP/1.1 408 "), (b"", "")] {
        let mut connection = connect(&server).await;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut connection, "ok\n").await;
        connection.write_all(more).await.unwrap();
        let rest = rest_of(connection).await;
        assert!(rest.starts_with(expected) && rest.is_empty() == expected.is_empty(), "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_or_trickles_is_answered_with_a_time_out_and_closed() {
    let database = Database::sqlite();
    let limits = [("PATCHBAY_STALL_SECONDS", "1"), ("PATCHBAY_BODY_SECONDS", "4")];
    let server = Server::start_with(&database, &limits).await;
    // Deliveries and pages alike.
    for path in ["/webhooks/stripe", "/api/anything"] {
        // With a signature, or a delivery would be refused before its body is asked for.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nStripe-Signature: t=1,v1=00\r\nContent-Length: 100000\r\n\r\n{{"
        );
        for trickle in [None, Some(b" ")] {
            let mut connection = connect(&server).await;
            connection.write_all(head.as_bytes()).await.unwrap();
            let (mut reader, mut writer) = connection.into_split();
            let sender = tokio::spawn(async move {
                while let Some(bytes) = trickle
                    && writer.write_all(bytes).await.is_ok()
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                // Kept open: only the server may end this.
                writer
            });
            let mut answer = Vec::new();
            tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)).await.expect("it is ended").ok();
            let answer = String::from_utf8_lossy(&answer);
            if path.starts_with("/webhooks/") {
                assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
            }
            sender.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_that_keeps_the_minimum_rate_is_taken() {
    let database = Database::sqlite();
    let limits = [("PATCHBAY_STALL_SECONDS", "1"), ("PATCHBAY_BYTES_PER_SECOND", "500")];
    let server = Server::start_with(&database, &limits).await;
    let mut body = customer_updated("evt_slow");
    // Three seconds of it.
    body.resize(6_000, b' ');
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nStripe-Signature: {}\r\nContent-Length: {}\r\n\r\n",
        signed(&body),
        body.len()
    );
    let mut connection = connect(&server).await;
    connection.write_all(head.as_bytes()).await.unwrap();
    for piece in body.chunks(400) {
        connection.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = read_until(&mut connection, "received").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_or_an_address_of_excessive_size_is_refused() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let long = "x".repeat(9_000);
    for (request, expected) in [
        (format!("GET /healthz?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 414 "),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", long.repeat(8)), "HTTP/1.1 431 "),
    ] {
        let mut connection = connect(&server).await;
        connection.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut connection, "\r\n\r\n").await;
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_no_more_than_its_share_of_connections() {
    let database = Database::sqlite();
    let limits = [("PATCHBAY_MAX_CONNECTIONS_PER_ADDRESS", "3"), ("PATCHBAY_TRUSTED_PROXIES", "127.0.0.1")];
    let server = Server::start_with(&database, &limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect_from("127.0.0.2", &server).await);
    }
    let refused = connect_from("127.0.0.2", &server).await;
    assert!(rest_of(refused).await.starts_with("HTTP/1.1 503 "));
    // Others are served, and a place that was given back is free.
    assert_eq!(server.get("/healthz").await.status(), 200);
    held.pop();
    let since = Instant::now();
    loop {
        let mut connection = connect_from("127.0.0.2", &server).await;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.ok();
        if rest_of(connection).await.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(since.elapsed() < PATIENCE);
    }
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"patchbay_connections_refused_total{reason="address"}"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_connections_are_taken_probes_are_answered_and_others_told_to_come_later() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_MAX_CONNECTIONS", "8")]).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(connect(&server).await);
    }
    for probe in ["/readyz", "/healthz", "/metrics"] {
        let answer = ask(&server, &format!("GET {probe} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{probe}: {answer}");
    }
    for other in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let answer = ask(&server, other).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{other}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_deliveries_leaves_connections_for_pages() {
    let database = Database::sqlite();
    let server = Server::start_with(&database, &[("PATCHBAY_MAX_CONNECTIONS", "40")]).await;
    let mut held = Vec::new();
    // With a signature, or a delivery would be refused before its body is asked for.
    for _ in 0..30 {
        let mut connection = connect(&server).await;
        connection
            .write_all(
                b"POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nStripe-Signature: t=1,v1=00\r\n\
                  Content-Length: 9\r\n\r\n",
            )
            .await
            .unwrap();
        held.push(connection);
    }
    // Until all are sorted one more may still find a place.
    let since = Instant::now();
    loop {
        let answer =
            ask(&server, "POST /webhooks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        if answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: ") {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{answer}");
    }
    assert_eq!(server.get("/healthz").await.status(), 200);
}

/// A real tool for each way to be slow: heads, bodies, readers.
#[tokio::test(flavor = "multi_thread")]
async fn slowhttptest_does_not_keep_others_out_and_is_dropped() {
    if Command::new("slowhttptest").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "slowhttptest is missing: .ci/setup test installs it");
        eprintln!("SKIPPED: slowhttptest is not installed; .ci/setup test installs it");
        return;
    }
    let database = Database::sqlite();
    let limits = [
        ("PATCHBAY_HEAD_SECONDS", "2"),
        ("PATCHBAY_BODY_SECONDS", "3"),
        ("PATCHBAY_STALL_SECONDS", "2"),
        ("PATCHBAY_IDLE_SECONDS", "2"),
    ];
    let server = Server::start_with(&database, &limits).await;
    for mode in [&["-H"][..], &["-B", "-s", "100000"], &["-X", "-k", "10", "-w", "1", "-y", "2", "-z", "1", "-n", "5"]]
    {
        // A delivery without a signature would be refused before its body is read.
        let path = if mode[0] == "-B" { "/theme" } else { "/favicon.svg" };
        let mut attack = Command::new("slowhttptest")
            .args(mode)
            .args(["-c", "200", "-r", "200", "-i", "1", "-l", "60", "-p", "5", "-u", &server.url(path)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Until all of its connections were here, and are gone while it still holds on.
        let since = Instant::now();
        let mut most = 0;
        loop {
            let asking = Instant::now();
            let open = open_connections(&server).await;
            assert!(asking.elapsed() < Duration::from_secs(5), "{mode:?}: others wait");
            most = most.max(open);
            // It gives up when none of its connections is left.
            if most > 100 && open < 10 || attack.try_wait().unwrap().is_some() {
                break;
            }
            assert!(since.elapsed() < PATIENCE, "{mode:?}: {open} of {most} connections are kept");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Killing one that has ended is no error.
        attack.kill().unwrap();
        attack.wait().unwrap();
    }
}

async fn open_connections(server: &Server) -> u64 {
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status(), 200);
    let metrics = answer.text().await.unwrap();
    let open = metrics.lines().filter(|line| line.starts_with("patchbay_open_connections{"));
    open.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_of_long_answers_is_dropped() {
    let database = Database::sqlite();
    let limits = [("PATCHBAY_STALL_SECONDS", "1"), ("PATCHBAY_IDLE_SECONDS", "600")];
    let server = Server::start_with(&database, &limits).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut connection = socket.connect(server.address().parse().unwrap()).await.unwrap();
    // More answers than all buffers on the way hold.
    let asking = tokio::spawn(async move {
        while connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok() {}
    });
    tokio::time::timeout(PATIENCE, asking).await.expect("it is dropped").unwrap();
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"patchbay_connections_closed_total{reason="slow_reader"} 1"#), "{metrics}");
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address()).await.unwrap()
}

async fn connect_from(address: &str, server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(server.address().parse().unwrap()).await.unwrap()
}

/// The whole answer to one request.
async fn ask(server: &Server, request: &str) -> String {
    let mut connection = connect(server).await;
    connection.write_all(request.as_bytes()).await.unwrap();
    rest_of(connection).await
}

/// What comes until the server closes the connection, which it must.
async fn rest_of(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    // However it is closed.
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut bytes)).await.expect("it is closed").ok();
    String::from_utf8(bytes).unwrap()
}

async fn read_until(connection: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(end) {
            return text.into_owned();
        }
        let read = tokio::time::timeout(PATIENCE, connection.read_buf(&mut bytes)).await.expect("it answers").unwrap();
        assert_ne!(read, 0, "cut off after: {}", String::from_utf8_lossy(&bytes));
    }
}
