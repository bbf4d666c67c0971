//! Files that come from different times: restored, cloned, rolled back. What is acknowledged after that is filed.

use crate::{
    away::behind_a_gate,
    database::{Database, Folder, on_postgres},
    deliveries::{customer, event, now, signed},
    server::Server,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const EVENTS: &str = "SELECT COUNT(*) FROM events";
const SOON: Duration = Duration::from_secs(30);
const INBOX: &str = "patchbay.inbox.db";
const DATABASE: &str = "patchbay.db";

async fn deliver(server: &Server, name: &str, count: usize) {
    for number in 0..count {
        let object = customer(&format!("cus_{name}_{number}"), name);
        let body = event(&format!("evt_{name}_{number}"), "customer.updated", now(), &object);
        assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    }
}

/// A file with what `SQLite` keeps beside it, as they are after `kill -9`.
fn parts(folder: &Path, name: &str) -> [PathBuf; 2] {
    ["", "-wal"].map(|end| folder.join(format!("{name}{end}")))
}

fn copy(from: &Path, to: &Path, name: &str) {
    for (from, to) in parts(from, name).into_iter().zip(parts(to, name)) {
        std::fs::remove_file(&to).ok();
        if from.exists() {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    std::fs::remove_file(to.join(format!("{name}-shm"))).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_inbox_file_beside_a_newer_database_loses_no_delivery() {
    let (database, older) = (Database::sqlite(), Folder::new());
    let mut server = Server::start(&database).await;
    deliver(&server, "before", 5).await;
    server.filed().await;
    server.kill();
    copy(database.folder.path(), older.path(), INBOX);
    server.start_again().await;
    deliver(&server, "between", 50).await;
    server.filed().await;
    server.kill();
    copy(older.path(), database.folder.path(), INBOX);
    server.start_again().await;
    deliver(&server, "after", 50).await;
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 105);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_put_back_gets_again_what_the_inbox_still_has() {
    let (database, older) = (Database::sqlite(), Folder::new());
    let mut server = Server::start(&database).await;
    deliver(&server, "before", 5).await;
    server.filed().await;
    server.kill();
    copy(database.folder.path(), older.path(), DATABASE);
    server.start_again().await;
    deliver(&server, "between", 80).await;
    server.filed().await;
    server.kill();
    copy(older.path(), database.folder.path(), DATABASE);
    assert_eq!(database.count(EVENTS).await, 5);
    server.start_again().await;
    deliver(&server, "after", 5).await;
    server.filed().await;
    assert_eq!(database.count(EVENTS).await, 90);
    assert_eq!(database.count("SELECT COUNT(*) FROM records WHERE kind = 'customer'").await, 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_from_one_image_may_even_swap_their_inbox_files() {
    let one = Database::sqlite();
    let mut server = Server::start(&one).await;
    deliver(&server, "image", 5).await;
    server.filed().await;
    server.kill();
    let two = Database::sqlite();
    for name in [DATABASE, INBOX] {
        copy(one.folder.path(), two.folder.path(), name);
    }
    server.start_again().await;
    let mut other = Server::start(&two).await;
    deliver(&server, "one", 10).await;
    deliver(&other, "two", 40).await;
    server.filed().await;
    other.filed().await;
    assert_eq!((one.count(EVENTS).await, two.count(EVENTS).await), (15, 45));
    server.kill();
    other.kill();
    let swap = Folder::new();
    copy(one.folder.path(), swap.path(), INBOX);
    copy(two.folder.path(), one.folder.path(), INBOX);
    copy(swap.path(), two.folder.path(), INBOX);
    server.start_again().await;
    other.start_again().await;
    deliver(&server, "one_more", 20).await;
    deliver(&other, "two_more", 20).await;
    server.filed().await;
    other.filed().await;
    // Each has its own, and what the other's inbox still had.
    assert_eq!((one.count(EVENTS).await, two.count(EVENTS).await), (75, 75));
}

async fn clones_share_a_database(database: Database) {
    let (gate, url) = behind_a_gate(&database, true).await;
    let through = [("DATABASE_URL", url.as_str())];
    let mut server = Server::start_with(&database, &through).await;
    gate.shut();
    deliver(&server, "image", 5).await;
    server.kill();
    let clone = Database { url: database.url.clone(), folder: Folder::new() };
    std::fs::create_dir(clone.folder.path().join("data")).unwrap();
    copy(&database.folder.path().join("data"), &clone.folder.path().join("data"), "inbox.db");
    gate.open();
    server.start_again().await;
    let other = Server::start_with(&clone, &through).await;
    database.until(EVENTS, 5, SOON).await;
    gate.shut();
    deliver(&server, "one", 20).await;
    deliver(&other, "two", 20).await;
    gate.open();
    database.until(EVENTS, 45, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_from_one_image_lose_nothing_in_one_database() {
    on_postgres(clones_share_a_database).await;
}
