//! Providers over real TLS, by the real binary: whom it trusts, what it says, and plain http.

use crate::{
    database::{Database, Folder},
    deliveries::SECRET_KEY,
    server::{output, patchbay, text},
};
use axum::{Json, Router, extract::Request, http::Version, routing::get};
use patchbay_net::testing::{Authority, Identity, Manners, Proxy, serve};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    sync::{Arc, Mutex},
};

const HERE: &[&str] = &["127.0.0.1", "stripe.test"];
const BOTH: &[&str] = &["h2", "http/1.1"];

/// Stripe's account and empty lists, over TLS; and the versions of HTTP it was asked by.
async fn stripe(identity: &Identity) -> (SocketAddr, Arc<Mutex<Vec<Version>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let versions = Arc::clone(&seen);
    let account = get(async move |request: Request| {
        versions.lock().unwrap().push(request.version());
        Json(json!({ "id": "acct_over_tls", "object": "account" }))
    });
    let empty = async || Json(json!({ "object": "list", "data": [], "has_more": false }));
    let app = Router::new().route("/v1/account", account).fallback(empty);
    (serve(identity, BOTH, app).await, seen)
}

fn file(folder: &Folder, name: &str, content: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn run(folder: &Path, base: &str, more: &[(&str, &str)], command: &[&str]) -> Output {
    let account = [("STRIPE_SECRET_KEY", SECRET_KEY), ("STRIPE_WEBHOOK_SECRET", "whsec_1"), ("STRIPE_API_BASE", base)];
    output(patchbay(folder, &account).envs(more.iter().copied()).args(command))
}

/// The doctor's line about the connection.
fn examined(folder: &Path, base: &str, more: &[(&str, &str)]) -> String {
    let output = run(folder, base, more, &["doctor"]);
    let lines = text(&output.stdout);
    assert!(!lines.contains("hush"), "{lines}");
    let mut about = lines.lines().filter(|line| line.split_whitespace().nth(1) == Some("stripe:"));
    about.next_back().unwrap_or_else(|| panic!("{lines}{}", text(&output.stderr))).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_by_its_setting_by_a_file_and_by_a_folder() {
    let folder = Folder::new();
    let authority = Authority::new("Ours");
    let (address, versions) = stripe(&authority.identity(HERE)).await;
    let base = format!("https://{address}");
    let ca = file(&folder, "ca.pem", &authority.pem);
    let other = file(&folder, "other.pem", &Authority::new("Other").pem);
    std::fs::create_dir(folder.path().join("cas")).unwrap();
    let cas = folder.path().join("cas").display().to_string();
    std::fs::copy(&ca, format!("{cas}/ours.pem")).unwrap();
    for trusted in [
        &[("PATCHBAY_CA_FILE", ca.as_str())][..],
        &[("SSL_CERT_FILE", &ca)],
        &[("SSL_CERT_DIR", &cas)],
        // Besides the others, not instead of them.
        &[("SSL_CERT_FILE", &ca), ("PATCHBAY_CA_FILE", &other)],
    ] {
        let line = examined(folder.path(), &base, trusted);
        assert!(line.starts_with("ok ") && line.contains("acct_over_tls"), "{trusted:?}: {line}");
    }
    assert!(versions.lock().unwrap().iter().all(|version| *version == Version::HTTP_2), "{versions:?}");
    for untrusted in [&[][..], &[("SSL_CERT_FILE", other.as_str())], &[("PATCHBAY_CA_FILE", &other)]] {
        let line = examined(folder.path(), &base, untrusted);
        assert!(line.starts_with("problem ") && line.contains("not trusted here"), "{untrusted:?}: {line}");
        assert!(line.contains("PATCHBAY_CA_FILE") && line.contains(&address.to_string()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_and_one_that_is_over_are_refused_with_what_to_do() {
    let folder = Folder::new();
    let authority = Authority::new("Ours");
    let ca = file(&folder, "ca.pem", &authority.pem);
    for (identity, what) in [
        (authority.identity(&["other.example"]), "a certificate for other.example, not for this name"),
        (authority.expired(HERE), "expired at 2021-01-01"),
        (authority.not_yet_valid(HERE), "Check the clock"),
        (Authority::itself(HERE), "signed itself"),
    ] {
        let (address, versions) = stripe(&identity).await;
        let line = examined(folder.path(), &format!("https://{address}"), &[("PATCHBAY_CA_FILE", &ca)]);
        assert!(line.starts_with("problem ") && line.contains(what), "{what}: {line}");
        assert!(versions.lock().unwrap().is_empty(), "no key was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_over_tls_and_through_a_proxy() {
    let database = Database::sqlite();
    let folder = &database.folder;
    let authority = Authority::new("Ours");
    let ca = file(folder, "ca.pem", &authority.pem);
    let (address, _) = stripe(&authority.identity(HERE)).await;
    let proxy = Proxy::start(Manners::Password(address)).await;
    let through = format!("http://user:hush@{}", proxy.address);
    let settings = [("PATCHBAY_CA_FILE", ca.as_str()), ("DATABASE_URL", &database.url)];
    let direct = run(folder.path(), &format!("https://{address}"), &settings, &["sync", "stripe"]);
    assert!(direct.status.success() && text(&direct.stdout).contains("stripe: done"), "{}", text(&direct.stderr));
    assert!(proxy.asked().is_empty());
    let proxied = [&settings[..], &[("HTTPS_PROXY", &through)]].concat();
    let synced = run(folder.path(), "https://stripe.test", &proxied, &["sync", "stripe"]);
    assert!(synced.status.success() && text(&synced.stdout).contains("stripe: done"), "{}", text(&synced.stderr));
    assert!(proxy.asked().iter().all(|asked| asked == "stripe.test:443") && !proxy.asked().is_empty());
    let refusing = Proxy::start(Manners::Refuse).await;
    let refusing = format!("http://user:hush@{}", refusing.address);
    let line = examined(folder.path(), "https://stripe.test", &[("HTTPS_PROXY", &refusing)]);
    assert!(line.contains("the proxy on the way to stripe.test:443") && line.contains("refused to connect"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_that_cannot_be_read_are_named_by_their_setting_at_the_start_and_by_the_doctor() {
    let folder = Folder::new();
    let empty = file(&folder, "empty.pem", "nothing here\n");
    let missing = folder.path().join("missing.pem").display().to_string();
    for name in ["PATCHBAY_CA_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        for (path, what) in [(&empty, "empty.pem"), (&missing, "missing.pem")] {
            let more = [(name, path.as_str())];
            let examined = run(folder.path(), "https://127.0.0.1:1", &more, &["doctor"]);
            let lines = text(&examined.stdout);
            let line = lines.lines().find(|line| line.contains("trust:")).unwrap_or_default();
            assert_eq!(examined.status.code(), Some(1));
            assert!(line.starts_with("problem ") && line.contains(name) && line.contains(what), "{line}");
            let served = run(folder.path(), "https://127.0.0.1:1", &more, &["serve"]);
            assert_eq!(served.status.code(), Some(1));
            assert!(text(&served.stderr).contains(name), "{}", text(&served.stderr));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_another_machine_is_refused_until_it_is_allowed_and_warned_of_then() {
    let folder = Folder::new();
    // A name that leads nowhere: nothing is sent.
    let base = "http://stripe.invalid";
    let line = examined(folder.path(), base, &[]);
    assert!(line.starts_with("problem ") && line.contains("plain http to another machine"), "{line}");
    assert!(line.contains("STRIPE_ALLOW_PLAIN_HTTP"), "{line}");
    let allowed = run(folder.path(), base, &[("STRIPE_ALLOW_PLAIN_HTTP", "true")], &["doctor"]);
    let lines = text(&allowed.stdout);
    assert!(
        lines
            .lines()
            .any(|line| line.contains("stripe:") && line.contains("not encrypted") || line.contains("unencrypted")),
        "{lines}"
    );
    let issuer = [
        ("CLERK_ISSUER", "http://clerk.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://panel.example.com"),
        ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
    ];
    let clerk = run(folder.path(), base, &issuer, &["doctor"]);
    assert!(text(&clerk.stdout).contains("CLERK_ALLOW_PLAIN_HTTP"), "{}", text(&clerk.stdout));
}
