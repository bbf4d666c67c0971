//! `patchbay doctor`: what it finds, and that finding it changes nothing.

use crate::{
    database::{Database, Folder},
    deliveries::{SECRET_KEY, WEBHOOK_SECRETS, customer_updated, signed},
    server::{NOWHERE, Server, output, patchbay, text},
};
use axum::{
    Router,
    http::{StatusCode, Uri, header},
};
use patchbay_domain::Timestamp;
use serde_json::Value;
use std::{path::Path, process::Output, time::Duration};

/// A panel that people can sign in to.
const SIGN_IN: [(&str, &str); 4] = [
    ("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com"),
    ("CLERK_ISSUER", "https://clerk.example.com"),
    ("CLERK_AUTHORIZED_PARTIES", "https://patchbay.example.com"),
    ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
];

fn doctor(folder: &Path, more: &[(&str, &str)]) -> Output {
    let examined = output(patchbay(folder, &SIGN_IN).envs(more.iter().copied()).arg("doctor"));
    for secret in [SECRET_KEY, WEBHOOK_SECRETS[0], "hidden"] {
        assert!(!text(&examined.stdout).contains(secret), "{}", text(&examined.stdout));
    }
    examined
}

fn lines(examined: &Output, level: &str) -> Vec<String> {
    let lines = text(&examined.stdout);
    lines.lines().filter_map(|line| line.strip_prefix(level)).map(|line| line.trim().to_owned()).collect()
}

/// A provider that answers every question, at this distance from the true time.
async fn provider_whose_clock_is_off(seconds: i64) -> String {
    provider(seconds, &[]).await
}

/// The same, whose keys may not read these paths.
async fn provider(seconds: i64, denied: &'static [&'static str]) -> String {
    let answer = move |uri: Uri| async move {
        let now = patchbay_domain::Clock::System.now();
        let date = Timestamp(now.0 + seconds * 1_000_000).zoned("%a, %d %b %Y %H:%M:%S GMT");
        let (status, body) = match uri.path() {
            path if denied.contains(&path) => (StatusCode::FORBIDDEN, DENIED),
            "/v1/account" => (StatusCode::OK, r#"{"id":"acct_1","object":"account"}"#),
            _ => (StatusCode::OK, r#"{"object":"list","data":[],"has_more":false}"#),
        };
        (status, [(header::DATE, date)], body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

const DENIED: &str = r#"{"error":{"type":"invalid_request_error","message":"The provided key 'sk_test_hidden' does not have the required permissions for this endpoint on account 'acct_1'. Having the 'rak_some_read' permission would allow this request to continue."}}"#;

fn stripe<'a>(base: &'a str, secrets: &'a str) -> [(&'a str, &'a str); 3] {
    [("STRIPE_SECRET_KEY", SECRET_KEY), ("STRIPE_WEBHOOK_SECRET", secrets), ("STRIPE_API_BASE", base)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_installation_is_found_good_and_nothing_is_made() {
    let folder = Folder::new();
    let base = provider_whose_clock_is_off(0).await;
    for secrets in [WEBHOOK_SECRETS.join(","), WEBHOOK_SECRETS.join("\n"), WEBHOOK_SECRETS.join(" ; ")] {
        let examined = doctor(folder.path(), &stripe(&base, &secrets));
        assert!(examined.status.success(), "{}", text(&examined.stdout));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_deliveries_would_all_be_refused_is_a_problem() {
    let folder = Folder::new();
    let base = provider_whose_clock_is_off(0).await;
    let keys = [("STRIPE_SECRET_KEY", SECRET_KEY), ("STRIPE_API_BASE", base.as_str())];
    let examined = doctor(folder.path(), &keys);
    assert_eq!(examined.status.code(), Some(1));
    let problems = lines(&examined, "problem");
    assert!(
        problems.len() == 1 && problems[0].starts_with("stripe webhooks: STRIPE_WEBHOOK_SECRET is not set"),
        "{problems:?}"
    );
    for wrong in ["whsec_...", "whsec_hidden|whsec_hidden", "we_hidden", "", "'whsec_hidden'"] {
        let examined = doctor(folder.path(), &stripe(&base, wrong));
        let problems = lines(&examined, "problem");
        assert!(problems.len() == 1 && problems[0].contains("STRIPE_WEBHOOK_SECRET"), "{wrong}: {problems:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_keys_may_not_read_is_a_problem_that_names_the_permission() {
    let folder = Folder::new();
    let base = provider(0, &["/v1/invoices", "/v1/account"]).await;
    let examined = doctor(folder.path(), &stripe(&base, WEBHOOK_SECRETS[0]));
    let problems = lines(&examined, "problem");
    assert_eq!((examined.status.code(), problems.len()), (Some(1), 2), "{problems:?}");
    for (problem, about, permission) in [
        (&problems[0], "stripe: invoices cannot be read", "Invoices: Read"),
        (&problems[1], "the account", "Account: Read"),
    ] {
        assert!(problem.contains(about) && problem.contains(permission), "{problem}");
        assert!(problem.contains("'rak_some_read' permission") && problem.contains("Without it, "), "{problem}");
    }
    let good = provider(0, &[]).await;
    let examined = doctor(folder.path(), &stripe(&good, WEBHOOK_SECRETS[0]));
    assert!(lines(&examined, "ok").iter().any(|line| line.contains("9 of 9 kinds of objects can be read")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_from_the_providers_is_a_problem_with_its_direction() {
    let folder = Folder::new();
    for (off, direction) in [(3_600, "behind"), (-3_600, "ahead of"), (-90, "ahead of")] {
        let base = provider_whose_clock_is_off(off).await;
        let examined = doctor(folder.path(), &stripe(&base, WEBHOOK_SECRETS[0]));
        let problems = lines(&examined, "problem");
        assert!(problems.len() == 1 && problems[0].contains(direction), "{off}: {problems:?}");
        // The date has whole seconds, and asking takes time.
        let seconds = problems[0].split(" s ").next().unwrap().rsplit(' ').next().unwrap();
        assert!((seconds.parse::<i64>().unwrap() - off.abs()).abs() <= 5, "{problems:?}");
    }
    let base = provider_whose_clock_is_off(20).await;
    assert!(doctor(folder.path(), &stripe(&base, WEBHOOK_SECRETS[0])).status.success(), "that much is nobody's fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_while_no_worker_runs_are_a_problem() {
    let database = Database::sqlite();
    let base = provider_whose_clock_is_off(0).await;
    let more = [("STRIPE_API_BASE", base.as_str())];
    let server = Server::start_without_worker(&database, &more).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    server.filed().await;
    drop(server);
    let url = [&[("DATABASE_URL", database.url.as_str())], &stripe(&base, WEBHOOK_SECRETS[0])[..]].concat();
    let examined = doctor(database.folder.path(), &url);
    assert!(examined.status.success(), "it may have come just now: {}", text(&examined.stdout));
    // As if two minutes had passed.
    database.execute("UPDATE events SET due_at = due_at - 120000000, received_at = received_at - 120000000").await;
    let examined = doctor(database.folder.path(), &url);
    let problems = lines(&examined, "problem");
    assert!(problems.len() == 1 && problems[0].contains("1 event waits since"), "{problems:?}");
    assert!(problems[0].contains("no worker runs: start `patchbay worker`"), "{problems:?}");
    let server = Server::start_with(&database, &more).await;
    database.until("SELECT COUNT(*) FROM events WHERE state = 'pending'", 0, Duration::from_secs(30)).await;
    assert!(doctor(database.folder.path(), &url).status.success());
    database.execute("UPDATE events SET state = 'dead'").await;
    let warnings = lines(&doctor(database.folder.path(), &url), "warning");
    assert!(warnings.iter().any(|line| line.contains("1 event is a dead letter")), "{warnings:?}");
    drop(server);
}

#[test]
fn an_address_that_does_not_agree_with_signing_in_is_a_problem() {
    let folder = Folder::new();
    for (public_url, part) in [
        ("https://elsewhere.example.com", "does not list https://elsewhere.example.com"),
        ("http://patchbay.example.com", "Clerk needs https"),
    ] {
        let examined = doctor(folder.path(), &[("PATCHBAY_PUBLIC_URL", public_url)]);
        let problems = lines(&examined, "problem");
        assert!(problems.iter().any(|problem| problem.contains(part)), "{public_url}: {problems:?}");
    }
    assert!(doctor(folder.path(), &[("PATCHBAY_PUBLIC_URL", "https://patchbay.example.com/")]).status.success());
}

#[test]
fn a_folder_that_is_a_file_is_a_problem() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    for (name, value) in [("PATCHBAY_DATA_DIR", "taken"), ("DATABASE_URL", "sqlite://taken/patchbay.db")] {
        let examined = doctor(folder.path(), &[(name, value)]);
        let problems = lines(&examined, "problem");
        assert!(problems.iter().any(|problem| problem.contains("taken is a file")), "{problems:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_finding_too() {
    let folder = Folder::new();
    for (name, value) in [("DATABASE_URL", ""), ("PATCHBAY_PUBLIC_URL", "ftp://x"), ("PATCHBAY_ADR", "127.0.0.1:1")] {
        let examined = doctor(folder.path(), &[(name, value)]);
        let problems = lines(&examined, "problem");
        assert_eq!(examined.status.code(), Some(1), "{name}");
        assert!(problems.len() == 1 && problems[0].starts_with(&format!("configuration: {name}")), "{problems:?}");
    }
}

#[test]
fn findings_are_json_on_request() {
    let folder = Folder::new();
    let mut command = patchbay(folder.path(), &[("STRIPE_WEBHOK_SECRET", "hidden")]);
    let examined = output(command.args(["doctor", "--json"]));
    assert_eq!(examined.status.code(), Some(1));
    let findings: Vec<Value> =
        text(&examined.stdout).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let misspelt = findings.iter().find(|finding| finding["text"].as_str().unwrap().contains("STRIPE_WEBHOK_SECRET"));
    assert_eq!(misspelt.unwrap()["level"], "problem");
    assert!(findings.iter().any(|finding| finding["level"] == "unused" && finding["about"] == "mux"));
    assert!(!text(&examined.stdout).contains("hidden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_at_its_start_what_the_doctor_would_and_serves_the_other_connections() {
    let database = Database::sqlite();
    let file = format!(
        "[connection.'stripe/a/b']\nSTRIPE_SECRET_KEY = '{SECRET_KEY}'\n\
         [connection.'stripe/eu']\nSTRIPE_SECRET_KEY = '{SECRET_KEY}'\nSTRIPE_WEBHOK_SECRET = 'whsec_hidden'\n\
         [provider.mux]\nMUX_TOKEN_ID = 'one'\nMUX_TOKEN_SECRET = 'other'\nMUX_BASE_URL = '{NOWHERE}'\n"
    );
    std::fs::write(database.folder.path().join("patchbay.toml"), file).unwrap();
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "the first one is as it was");
    server.filed().await;
    for part in ["one slash only", "did you mean STRIPE_WEBHOOK_SECRET?", "MUX_WEBHOOK_SECRET is not set"] {
        server.says(part).await;
    }
    let logs = server.logs();
    assert!(!logs.contains("whsec_hidden"), "{logs}");
}
