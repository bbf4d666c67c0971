//! The command line.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, signed},
    server::{NOWHERE, Server, output, patchbay, text},
};
use patchbay_store::{AuditFilter, PageRequest};
use serde_json::Value;
use std::{path::Path, process::Output, time::Duration};

const HIDDEN: &str = "do_not_print";

fn write(folder: &Path, name: &str, content: &str) {
    std::fs::write(folder.join(name), content).unwrap();
}

/// What it printed on both streams; a secret in it fails the test.
fn printed(output: &Output) -> String {
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!printed.contains(HIDDEN), "a secret is printed: {printed}");
    printed
}

#[test]
fn the_printed_example_is_a_configuration_with_every_key_on() {
    let folder = Folder::new();
    let example = output(patchbay(folder.path(), &[]).args(["config", "example"]));
    assert!(example.status.success());
    let example = text(&example.stdout);
    let switched_on: String =
        example.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
    let migrate = |content: &str| {
        write(folder.path(), "patchbay.toml", content);
        output(patchbay(folder.path(), &[]).arg("migrate"))
    };
    for content in [&example, &switched_on] {
        let migrated = migrate(content);
        assert!(migrated.status.success(), "{}", printed(&migrated));
    }
    // Both were read: a key that does not exist is refused, with its line.
    let refused = migrate(&switched_on.replace("\naddr =", "\nadress ="));
    assert!(!refused.status.success());
    assert!(printed(&refused).contains("line "), "{}", printed(&refused));
}

#[test]
fn the_doctor_has_one_line_for_each_problem_and_prints_no_secret() {
    let folder = Folder::new();
    let file = format!(
        "[provider.stripe]\nSTRIPE_SECRET_KEY = 'sk_test_{HIDDEN}'\nSTRIPE_WEBHOOK_SECRET = '{HIDDEN}'\n\
         [provider.strype]\nSTRIPE_SECRET_KEY = 'sk_test_{HIDDEN}'\n"
    );
    write(folder.path(), "patchbay.toml", &file);
    let doctor = output(patchbay(folder.path(), &[]).arg("doctor"));
    assert_eq!(doctor.status.code(), Some(1), "{}", printed(&doctor));
    let printed = printed(&doctor);
    let problems: Vec<&str> = printed.lines().filter(|line| line.starts_with("problem ")).collect();
    for part in ["[provider.strype]", "STRIPE_WEBHOOK_SECRET", "sign-in: "] {
        assert_eq!(problems.iter().filter(|line| line.contains(part)).count(), 1, "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn the_doctor_is_content_with_a_good_configuration_and_names_an_api_that_does_not_answer() {
    let folder = Folder::new();
    let good = [
        ("CLERK_ISSUER", "https://clerk.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://patchbay.example.com"),
        ("PATCHBAY_STAFF_ORGANISATION", "org_staff"),
    ];
    let doctor = output(patchbay(folder.path(), &good).arg("doctor"));
    assert!(doctor.status.success(), "{}", printed(&doctor));
    let key = format!("sk_test_{HIDDEN}");
    let stripe = [("STRIPE_SECRET_KEY", key.as_str()), ("STRIPE_API_BASE", NOWHERE)];
    let doctor = output(patchbay(folder.path(), &good).envs(stripe).arg("doctor"));
    assert_eq!(doctor.status.code(), Some(1));
    assert_eq!(printed(&doctor).matches("problem  stripe: ").count(), 1, "{}", printed(&doctor));
}

/// Runs `patchbay events …` and reads the JSON it prints, a value per line.
fn events(database: &Database, arguments: &[&str]) -> Vec<Value> {
    let mut command = patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)]);
    let output = output(command.arg("events").args(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_listed_and_shown_and_nothing_is_guessed_between_two_accounts() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    for id in ["evt_1", "evt_2"] {
        let body = customer_updated(id);
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    }
    let processed = "SELECT COUNT(*) FROM event_attempts WHERE outcome = 'processed'";
    database.until(processed, 2, Duration::from_secs(30)).await;
    let records = |arguments: &[&str]| {
        output(patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)]).arg("records").args(arguments))
    };
    let as_json = |arguments: &[&str]| -> Vec<Value> {
        let output = records(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let listed = as_json(&["list", "customer", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!((listed.len(), listed[0]["connection"].as_str()), (1, Some("stripe")));
    assert_eq!(as_json(&["show", "customer", id, "--json"]), listed);
    assert!(as_json(&["list", "customer", "--connection", "mux", "--json"]).is_empty());
    assert!(text(&records(&["list", "customer"]).stdout).contains(id));
    assert!(text(&records(&["show", "customer", id]).stdout).contains("\"id\""));

    let another = "INSERT INTO records SELECT 'stripe/eu', kind, external_id, title, subtitle, status, owner, organisation, facet, \
                   parent, amount, currency, created_at, ended_at, body, version, revision, deleted, recorded_at, updated_at, \
                   title_key, subtitle_key, search FROM records";
    database.execute(another).await;
    let refused = |arguments: &[&str], why: &str| {
        let output = records(arguments);
        assert!(!output.status.success() && printed(&output).contains(why), "{}", printed(&output));
    };
    refused(&["show", "customer", id], "say which with --connection: stripe, stripe/eu");
    assert_eq!(as_json(&["show", "customer", id, "--connection", "stripe", "--json"]), listed);
    refused(&["show", "customer", "cus_nobody"], "there is no record customer:cus_nobody");
    refused(&["list", "unicorn"], "there are asset, customer,");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_shown_and_replayed_as_json() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        let body = customer_updated(id);
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    }
    let processed = "SELECT COUNT(*) FROM event_attempts WHERE outcome = 'processed'";
    database.until(processed, 3, Duration::from_secs(30)).await;

    let listed = events(&database, &["list", "--type", "customer.*", "--state", "processed", "--json"]);
    let ids: Vec<&str> = listed.iter().map(|event| event["external_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["evt_3", "evt_2", "evt_1"]);
    assert_eq!(events(&database, &["list", "--limit", "1", "--json"]), listed[..1]);
    assert!(events(&database, &["list", "--state", "dead", "--json"]).is_empty());

    for id in ["evt_2", listed[1]["id"].as_str().unwrap()] {
        let shown = events(&database, &["show", id, "--json"]);
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["external_id"], "evt_2");
        assert_eq!(shown[0]["body"], serde_json::from_slice::<Value>(&customer_updated("evt_2")).unwrap());
    }

    assert_eq!(events(&database, &["replay", "evt_1", "--yes", "--json"]), [serde_json::json!({ "replayed": 1 })]);
    database.until(processed, 4, Duration::from_secs(30)).await;
    assert_eq!(events(&database, &["replay", "--type", "customer.*", "--yes", "--json"])[0]["replayed"], 3);
    database.until(processed, 7, Duration::from_secs(30)).await;

    let told = database.store().await.list_audit(&AuditFilter::default(), &PageRequest::default()).await.unwrap().items;
    let [by_filter, by_id] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (by_id.action.as_str(), by_id.target.key.id.as_str()),
        ("events.replay", listed[2]["id"].as_str().unwrap())
    );
    assert_eq!(by_filter.after.as_ref().unwrap()["events"], 3);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for entry in &told {
        assert!(entry.actor_id.starts_with("os:") && entry.actor_name.ends_with(", command line"), "{entry:?}");
        assert_eq!(entry.address.as_deref(), Some(host.trim()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_without_a_yes_or_of_nothing_in_particular_changes_nothing() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    server.filed().await;
    let replay = |arguments: &[&str]| {
        let mut command = patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)]);
        output(command.args(["events", "replay"]).args(arguments))
    };
    let asked = replay(&["evt_1"]);
    assert!(asked.status.success() && printed(&asked).contains("Add --yes"), "{}", printed(&asked));
    for arguments in [&["--yes"][..], &["evt_of_nobody", "--yes"]] {
        let refused = replay(arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {}", printed(&refused));
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM events WHERE replays > 0").await, 0);
}
