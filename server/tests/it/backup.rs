//! `patchbay backup` and `restore`, while deliveries go on.

use crate::{
    database::{Database, Folder},
    deliveries::{customer, event, now, signed},
    on_both_databases,
    server::{Server, output, patchbay, text},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

const EVENTS: &str = "SELECT COUNT(*) FROM events";

on_both_databases!(
    what_was_acknowledged_before_a_backup_is_in_it_and_deliveries_go_on_after_a_restore,
    a_backup_overwrites_nothing_and_a_spoilt_one_is_not_restored,
);

fn command(database: &Database, address: &str, arguments: &[&str]) -> Output {
    let environment = [("DATABASE_URL", database.url.as_str()), ("PATCHBAY_ADDR", address)];
    // PostgreSQL's programs are looked for there.
    let path = std::env::var("PATH").unwrap_or_default();
    let postgres = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = postgres.fold(path, |path, entry| format!("{}:{path}", entry.path().join("bin").display()));
    output(patchbay(database.folder.path(), &environment).env("PATH", path).args(arguments))
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn fails(output: &Output, why: &str) {
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!output.status.success() && printed.contains(why), "{printed}");
}

/// An empty database of the same kind.
async fn another(database: &Database) -> Database {
    if database.url.starts_with("sqlite") {
        return Database::sqlite();
    }
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    let name = format!("{}_restored", url::Url::parse(&database.url).unwrap().path().trim_start_matches('/'));
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let mut url = url::Url::parse(&database.url).unwrap();
    url.set_path(&name);
    Database { url: url.into(), folder: Folder::new() }
}

async fn remove(database: Database, other: Database) {
    if other.url.starts_with("postgres") {
        let name = url::Url::parse(&other.url).unwrap().path().trim_start_matches('/').to_owned();
        let mut admin = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await.unwrap();
    }
}

async fn what_was_acknowledged_before_a_backup_is_in_it_and_deliveries_go_on_after_a_restore(database: Database) {
    let server = Arc::new(Server::start(&database).await);
    let (acknowledged, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let (server, acknowledged, enough) = (server.clone(), acknowledged.clone(), enough.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let object = customer(&format!("cus_{sender}_{number}"), "Northwind");
                    let body = event(&format!("evt_{sender}_{number}"), "customer.updated", now(), &object);
                    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    if enough.load(Ordering::SeqCst) {
                        return number + 1;
                    }
                }
                unreachable!("it goes on until it is enough");
            })
        })
        .collect();
    while acknowledged.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    let before = acknowledged.load(Ordering::SeqCst);
    let folder = database.folder.path().join("backup");
    let backup = folder.to_str().unwrap();
    succeeds(&tokio::task::block_in_place(|| command(&database, server.address(), &["backup", backup])));
    let during = acknowledged.load(Ordering::SeqCst) - before;
    assert!(during > 0, "nothing was delivered while the backup was taken");
    enough.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    only_for_its_owner(&folder);

    let restored = another(&database).await;
    fails(&command(&restored, server.address(), &["restore", backup]), "stop the server");
    let nobody = crate::server::free_address();
    succeeds(&command(&restored, &nobody, &["restore", backup]));
    fails(
        &command(&restored, &nobody, &["restore", backup]),
        if restored.url.starts_with("sqlite") { "exists" } else { "" },
    );
    assert_eq!(database.count("SELECT COUNT(*) FROM audit WHERE action = 'database.back_up'").await, 1);
    assert_eq!(restored.count("SELECT COUNT(*) FROM audit WHERE action = 'database.restore'").await, 1);
    let other = Server::start(&restored).await;
    other.filed().await;
    let there = restored.count(EVENTS).await;
    assert!(there >= i64::try_from(before).unwrap(), "{there} of {before} are there");
    for number in 0..20 {
        let body = event(&format!("evt_after_{number}"), "customer.updated", now(), &customer("cus_after", "After"));
        assert_eq!(other.deliver(&body, &signed(&body)).await.0, 200);
    }
    other.filed().await;
    assert_eq!(restored.count(EVENTS).await, there + 20);
    drop(other);
    remove(database, restored).await;
}

fn only_for_its_owner(folder: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert!(names.contains(&"manifest.json".to_owned()) && names.contains(&"inbox.db".to_owned()), "{names:?}");
    assert_eq!(names.len(), 3, "{names:?}");
}

async fn a_backup_overwrites_nothing_and_a_spoilt_one_is_not_restored(database: Database) {
    let mut server = Server::start(&database).await;
    let nobody = crate::server::free_address();
    let folder = database.folder.path().join("backup");
    let backup = folder.to_str().unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine"), "mine").unwrap();
    fails(&command(&database, &nobody, &["backup", backup]), "is not empty");
    assert_eq!(std::fs::read_to_string(folder.join("mine")).unwrap(), "mine");
    std::fs::remove_file(folder.join("mine")).unwrap();
    fails(&command(&database, &nobody, &["restore", backup]), "no complete backup");
    succeeds(&command(&database, &nobody, &["backup", backup]));
    // In place of what is there: refused, and the server goes on.
    server.kill();
    fails(&command(&database, &nobody, &["restore", backup]), "exists");
    let restored = another(&database).await;
    let inbox = folder.join("inbox.db");
    let mut bytes = std::fs::read(&inbox).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&inbox, bytes).unwrap();
    fails(&command(&restored, &nobody, &["restore", backup]), "inbox.db is not as it was saved");
    assert!(!restored.folder.path().join("patchbay.db").exists() && !restored.folder.path().join("data").exists());
    remove(database, restored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_leaves_nothing_that_looks_like_one() {
    let database = Database::sqlite();
    let folder = database.folder.path().join("backup");
    fails(&command(&database, "127.0.0.1:1", &["backup", folder.to_str().unwrap()]), "there is no database");
    assert!(!folder.exists());
}
