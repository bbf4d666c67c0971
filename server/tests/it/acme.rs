//! Certificates ordered from a certificate authority: Pebble, which Let's Encrypt makes for tests.

use crate::{
    certificates::Authority,
    database::{Database, Folder},
    server::{Server, free_address},
};
use reqwest::tls::TlsInfo;
use std::{
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const NAME: &str = "patchbay.example.com";
const PATIENCE: Duration = Duration::from_mins(1);

/// Ended with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn spawn(program: &str, folder: &Folder, arguments: &[&str]) -> Option<Process> {
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(arguments).env("PEBBLE_VA_NOSLEEP", "1");
    let log = std::fs::File::create(folder.path().join(format!("{program}.log"))).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
    match command.spawn() {
        Ok(child) => Some(Process(child)),
        Err(_) => None,
    }
}

/// An authority that comes to `server` to look whether it owns its name, and whose certificates are good for `seconds`.
fn pebble(folder: &Folder, authority: &Authority, server: &str, seconds: u32) -> Option<(String, [Process; 2])> {
    let (pebble, management, dns) = (free_address(), free_address(), free_address());
    authority.issue_valid().write(folder.path());
    let config = serde_json::json!({ "pebble": {
        "listenAddress": pebble, "managementListenAddress": management,
        "certificate": "cert.pem", "privateKey": "key.pem",
        "httpPort": 1, "tlsPort": server.rsplit(':').next().unwrap().parse::<u16>().unwrap(),
        "ocspResponderURL": "", "externalAccountBindingRequired": false, "certificateValidityPeriod": seconds,
    } });
    std::fs::write(folder.path().join("pebble.json"), config.to_string()).unwrap();
    // Every name leads to this machine.
    let names =
        ["-dns01", &dns, "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "", "-defaultIPv6", ""];
    let names = spawn("pebble-challtestsrv", folder, &names)?;
    let authority = spawn("pebble", folder, &["-config", "pebble.json", "-dnsserver", &dns])?;
    let since = Instant::now();
    while std::net::TcpStream::connect(&pebble).is_err() {
        assert!(since.elapsed() < PATIENCE, "pebble does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((format!("https://{pebble}/dir"), [names, authority]))
}

#[expect(clippy::disallowed_methods, reason = "a test is the server's client and brings its own")]
fn client() -> reqwest::Client {
    // Pebble makes its root anew each time. Whose certificate it is, the test asks itself.
    reqwest::Client::builder().tls_danger_accept_invalid_certs(true).tls_info(true).timeout(PATIENCE).build().unwrap()
}

/// To somebody who was never here: a session that is resumed keeps its own certificate.
async fn served(server: &Server) -> Vec<u8> {
    let answer = client().get(server.url("/healthz")).send().await.unwrap();
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_ordered_kept_for_its_owner_alone_and_renewed_in_time() {
    let folder = Folder::new();
    let authority = Authority::new();
    let database = Database::sqlite();
    let address = free_address();
    // Renewed after ten seconds.
    let Some((directory, processes)) = pebble(&folder, &authority, &address, 15) else {
        assert!(std::env::var_os("CI").is_none(), "pebble is missing: .ci/setup test installs it");
        eprintln!("SKIPPED: pebble is not installed; .ci/setup test installs it");
        return;
    };
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let data = database.folder.path().join("data");
    let settings = [
        ("PATCHBAY_ADDR", address.as_str()),
        ("PATCHBAY_DATA_DIR", data.to_str().unwrap()),
        ("PATCHBAY_ACME_DOMAINS", NAME),
        ("PATCHBAY_ACME_CONTACTS", "ops@example.com"),
        ("PATCHBAY_ACME_DIRECTORY", &directory),
        ("SSL_CERT_FILE", trusted.to_str().unwrap()),
    ];
    let mut server = Server::start_tls(&database, &settings, &["serve"], client()).await;
    let first = served(&server).await;
    assert!(contains(&first, NAME.as_bytes()), "it is for another name");

    let kept = data.join("acme");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }

    // What was kept is served again, before anything is asked of the authority.
    server.kill();
    server.start_again().await;
    let since = Instant::now();
    assert_eq!(served(&server).await, first);

    while served(&server).await == first {
        assert!(since.elapsed() < PATIENCE, "it is not renewed:\n{}", server.logs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(processes);
    assert!(!server.logs().contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_does_not_find_us_is_told_with_its_reason() {
    let folder = Folder::new();
    let authority = Authority::new();
    let database = Database::sqlite();
    // Nobody listens where it looks.
    let Some((directory, _processes)) = pebble(&folder, &authority, "127.0.0.1:1", 3_600) else {
        assert!(std::env::var_os("CI").is_none(), "pebble is missing: .ci/setup test installs it");
        eprintln!("SKIPPED: pebble is not installed; .ci/setup test installs it");
        return;
    };
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let settings = [
        ("PATCHBAY_ACME_DOMAINS", NAME),
        ("PATCHBAY_ACME_DIRECTORY", directory.as_str()),
        ("SSL_CERT_FILE", trusted.to_str().unwrap()),
    ];
    let server = Server::spawn_only(&database, &settings, &["serve"]);
    let since = Instant::now();
    while !server.logs().contains("no certificate was issued") {
        assert!(since.elapsed() < PATIENCE, "{}", server.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let logs = server.logs();
    // The authority's own words, and what to do.
    assert!(logs.contains(NAME) && logs.contains("tls-alpn-01") && logs.contains("port 443"), "{logs}");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
