//! HTTPS by the server itself, HTTP/2, and certificates that change while it runs.

use crate::{
    certificates::{Authority, Certificate, replace},
    database::Database,
    deliveries::{customer_updated, signed},
    server::{Server, free_address, output, patchbay, text},
};
use bytes::Bytes;
use reqwest::{Version, tls::TlsInfo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(30);

/// Serves with this certificate, in files `tls/cert.pem` and `tls/key.pem` of its folder.
async fn start(database: &Database, authority: &Authority, certificate: &Certificate) -> Server {
    certificate.write(&database.folder.path().join("tls"));
    let files = [("PATCHBAY_TLS_CERT", "tls/cert.pem"), ("PATCHBAY_TLS_KEY", "tls/key.pem")];
    Server::start_tls(database, &files, &["serve"], client(&authority.pem())).await
}

#[expect(clippy::disallowed_methods, reason = "a test is the server's client and brings its own")]
fn builder(authority: &str) -> reqwest::ClientBuilder {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([authority]).tls_info(true).timeout(PATIENCE)
}

fn client(authority: &str) -> reqwest::Client {
    builder(authority).build().unwrap()
}

/// The certificate that is served now, to somebody who was never here: a session that is resumed keeps its own.
async fn served(server: &Server, authority: &Authority) -> Vec<u8> {
    let answer = client(&authority.pem()).get(server.url("/healthz")).send().await.unwrap();
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

async fn until_served(server: &Server, authority: &Authority, certificate: &Certificate) {
    let since = Instant::now();
    while served(server, authority).await != certificate.der {
        assert!(since.elapsed() < PATIENCE, "the new certificate is not served:\n{}", server.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_logged(server: &Server, wanted: &str) {
    let since = Instant::now();
    while !server.logs().contains(wanted) {
        assert!(since.elapsed() < PATIENCE, "\"{wanted}\" is not said:\n{}", server.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_and_pages_are_served_over_http_2_and_http_1_1() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let certificate = authority.issue_valid();
    let mut server = start(&database, &authority, &certificate).await;
    assert_eq!(served(&server, &authority).await, certificate.der);
    let (h1, h2) = (builder(&authority.pem()).http1_only(), builder(&authority.pem()));
    for (number, (http, version)) in [(h1, Version::HTTP_11), (h2, Version::HTTP_2)].into_iter().enumerate() {
        server.http = http.build().unwrap();
        // The first decides which threads serve the connection, and all come over one.
        for order in [["page", "delivery"], ["delivery", "page"]] {
            for (step, what) in order.into_iter().enumerate() {
                let body = customer_updated(&format!("evt_{number}_{}_{step}", order[0]));
                let request = match what {
                    "page" => server.http.get(server.url("/readyz")),
                    _ => server.delivery("/webhooks/stripe", Some(&signed(&body)), &body),
                };
                let answer = request.send().await.unwrap();
                assert_eq!((answer.status().as_u16(), answer.version()), (200, version), "{what} of {order:?}");
            }
        }
    }
    server.filed().await;
    assert_eq!(database.count("SELECT COUNT(*) FROM events").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_http_2_is_the_host_that_the_product_sees() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let server = start(&database, &authority, &authority.issue_valid()).await;
    // A form from this very site is taken, one from elsewhere is not: both by the same header and the host.
    let send = async |origin: String| {
        let request = server.http.post(server.url("/no/such/form")).header("origin", origin).header("cookie", "a=b");
        request.send().await.unwrap().status().as_u16()
    };
    assert_ne!(send(format!("https://{}", server.address())).await, 403);
    assert_eq!(send("https://evil.example".to_owned()).await, 403);
}

/// Each stream has a window of its own, which the client may keep shut while the connection is well.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_http_2_that_is_never_read_ends_its_connection() {
    let database = Database::sqlite();
    let authority = Authority::new();
    authority.issue_valid().write(&database.folder.path().join("tls"));
    let settings =
        [("PATCHBAY_TLS_CERT", "tls/cert.pem"), ("PATCHBAY_TLS_KEY", "tls/key.pem"), ("PATCHBAY_STALL_SECONDS", "1")];
    let server = Server::start_tls(&database, &settings, &["serve"], client(&authority.pem())).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let mut h2 = h2::client::Builder::new();
    let (client, connection) = h2.initial_window_size(0).handshake::<_, Bytes>(tls).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = http::Request::get(server.url("/metrics")).body(()).unwrap();
    let (answer, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    // However it is ended.
    tokio::time::timeout(PATIENCE, ended).await.expect("it is ended").unwrap().ok();
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"patchbay_connections_closed_total{reason="slow_reader"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_to_use_https() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let server = start(&database, &authority, &authority.issue_valid()).await;
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("Write https:// instead of http."), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_https_plain_http_sends_browsers_on_and_takes_no_delivery() {
    let database = Database::sqlite();
    let authority = Authority::new();
    authority.issue_valid().write(&database.folder.path().join("tls"));
    let (address, plain) = (free_address(), free_address());
    let public = format!("https://{address}");
    let settings = [
        ("PATCHBAY_ADDR", address.as_str()),
        ("PATCHBAY_TLS_CERT", "tls/cert.pem"),
        ("PATCHBAY_TLS_KEY", "tls/key.pem"),
        ("PATCHBAY_PUBLIC_URL", &public),
        ("PATCHBAY_REDIRECT_ADDR", &plain),
    ];
    let mut server = Server::start_tls(&database, &settings, &["serve"], client(&authority.pem())).await;
    let http = crate::server::client();
    let answer = http.get(format!("http://{plain}/events?a=b")).send().await.unwrap();
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.headers()["location"], format!("{public}/events?a=b"));
    let body = customer_updated("evt_1");
    let delivery = http.post(format!("http://{plain}/webhooks/stripe")).header("stripe-signature", signed(&body));
    let refused = delivery.body(body).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains(&format!("HTTPS only, at {public}/webhooks/")));
    assert_eq!(http.post(format!("http://{plain}/theme")).send().await.unwrap().status(), 405);
    assert_eq!(server.get("/healthz").await.status(), 200);
    assert_eq!(server.stop().await, Some(0));
    assert!(TcpStream::connect(&plain).await.is_err(), "it stops with the rest");
    assert_eq!(database.count("SELECT COUNT(*) FROM events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stops_is_closed() {
    let database = Database::sqlite();
    let authority = Authority::new();
    authority.issue_valid().write(&database.folder.path().join("tls"));
    let settings = [
        ("PATCHBAY_TLS_CERT", "tls/cert.pem"),
        ("PATCHBAY_TLS_KEY", "tls/key.pem"),
        ("PATCHBAY_HANDSHAKE_SECONDS", "1"),
    ];
    let server = Server::start_tls(&database, &settings, &["serve"], client(&authority.pem())).await;
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("it is closed").ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_served_without_a_restart() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let server = start(&database, &authority, &authority.issue_valid()).await;
    let second = authority.issue_valid();
    second.write(&database.folder.path().join("tls"));
    until_served(&server, &authority, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_behind_a_link_is_followed_when_the_link_turns() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let folder = database.folder.path();
    let (first, second) = (authority.issue_valid(), authority.issue_valid());
    first.write(&folder.join("2026-01"));
    second.write(&folder.join("2026-02"));
    std::os::unix::fs::symlink("2026-01", folder.join("live")).unwrap();
    let files = [("PATCHBAY_TLS_CERT", "live/cert.pem"), ("PATCHBAY_TLS_KEY", "live/key.pem")];
    let server = Server::start_tls(&database, &files, &["serve"], client(&authority.pem())).await;
    assert_eq!(served(&server, &authority).await, first.der);
    std::os::unix::fs::symlink("2026-02", folder.join("new")).unwrap();
    std::fs::rename(folder.join("new"), folder.join("live")).unwrap();
    until_served(&server, &authority, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_new_certificate_leaves_the_old_one_and_says_why() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let first = authority.issue_valid();
    let server = start(&database, &authority, &first).await;
    let folder = database.folder.path().join("tls");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let (stranger, expired) = (authority.issue_valid(), authority.issue(2020, 2021));
    let faults: [(&Path, &str, &str); 5] = [
        (&certificate, &stranger.chain, "does not belong to the certificate"),
        (&certificate, "-----BEGIN CERT", "it is no PEM"),
        (&certificate, "", "holds no certificate"),
        (&key, "", "holds no private key"),
        (&certificate, &expired.chain, "expired on"),
    ];
    for (file, content, why) in faults {
        first.write(&folder);
        if why == "expired on" {
            replace(&key, &expired.key);
        }
        replace(file, content);
        until_logged(&server, why).await;
        assert_eq!(served(&server, &authority).await, first.der, "{why}");
    }
    std::fs::remove_file(&certificate).unwrap();
    until_logged(&server, "cannot be read").await;
    assert_eq!(served(&server, &authority).await, first.der);
    let second = authority.issue_valid();
    second.write(&folder);
    until_served(&server, &authority, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_without_a_certificate_it_can_serve() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let folder = database.folder.path().join("tls");
    authority.issue_valid().write(&folder);
    replace(&folder.join("other.pem"), &authority.issue_valid().key);
    for (certificate, key, why) in [
        ("tls/cert.pem", "tls/other.pem", "the private key does not belong to the certificate"),
        ("tls/none.pem", "tls/key.pem", "tls/none.pem cannot be read"),
        ("tls/cert.pem", "", "PATCHBAY_TLS_KEY"),
        ("tls/key.pem", "tls/key.pem", "holds no certificate"),
    ] {
        let address = free_address();
        let settings = [
            ("DATABASE_URL", database.url.as_str()),
            ("PATCHBAY_ADDR", address.as_str()),
            ("PATCHBAY_TLS_CERT", certificate),
            ("PATCHBAY_TLS_KEY", key),
        ];
        let output = output(patchbay(database.folder.path(), &settings).arg("serve"));
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    }
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_certificate() {
    let database = Database::sqlite();
    let authority = Authority::new();
    let folder = database.folder.path();
    authority.issue_valid().write(&folder.join("good"));
    authority.issue(2020, 2021).write(&folder.join("expired"));
    authority.issue_valid().write(&folder.join("halves"));
    replace(&folder.join("halves/key.pem"), &authority.issue_valid().key);
    for (files, url, finding) in [
        ("good", "https://localhost", "ok       certificate: for localhost, 127.0.0.1, until"),
        (
            "good",
            "https://patchbay.example.com",
            "problem  certificate: is for localhost, 127.0.0.1, not for patchbay.example.com",
        ),
        ("expired", "https://localhost", "problem  certificate: expired on"),
        ("halves", "https://localhost", "problem  certificate: the private key does not belong to the certificate"),
        ("none", "https://localhost", "problem  certificate: none/cert.pem cannot be read"),
    ] {
        let (certificate, key) = (format!("{files}/cert.pem"), format!("{files}/key.pem"));
        let settings = [
            ("DATABASE_URL", database.url.as_str()),
            ("PATCHBAY_PUBLIC_URL", url),
            ("PATCHBAY_TLS_CERT", &certificate),
            ("PATCHBAY_TLS_KEY", &key),
        ];
        let said = text(&output(patchbay(folder, &settings).arg("doctor")).stdout);
        assert!(said.contains(finding), "{finding}: {said}");
    }
}
