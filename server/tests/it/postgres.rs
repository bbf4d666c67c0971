//! `PostgreSQL` over the network: TLS, what is said when it cannot be used, what is waited for, and `PgBouncer`.

use crate::{
    cluster::{Bouncer, Cluster, PASSWORD, is_wanted},
    database::{Database, Folder, on_postgres},
    deliveries::{customer, event, now, signed},
    server::{Server, output, patchbay, text},
};
use patchbay_net::testing::Authority;
use sqlx::{ConnectOptions as _, Connection, Executor as _, PgConnection, postgres::PgConnectOptions};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_mins(1);

/// What `patchbay migrate` says, and whether it worked.
fn migrate(folder: &Folder, url: &str, more: &[(&str, &str)]) -> (bool, String) {
    let run = output(patchbay(folder.path(), &[("DATABASE_URL", url)]).envs(more.iter().copied()).arg("migrate"));
    let said = text(&run.stdout) + &text(&run.stderr);
    assert!(!said.contains(PASSWORD) && !said.contains("wrong-one"), "a password is printed: {said}");
    (run.status.success(), said)
}

fn refused(folder: &Folder, url: &str, more: &[(&str, &str)], what: &[&str]) {
    let (worked, said) = migrate(folder, url, more);
    assert!(!worked, "{said}");
    for what in what {
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_certificate_is_checked_as_sslmode_says() {
    if !is_wanted() {
        return;
    }
    let folder = Folder::new();
    let (ours, theirs) = (Authority::new("Ours"), Authority::new("Theirs"));
    let write = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, &authority.pem).unwrap();
        path.display().to_string()
    };
    let (ca, other) = (write("ca.pem", &ours), write("other.pem", &theirs));
    let cluster = Cluster::start(Some(&ours.identity(&["localhost"])), "");
    let url = |host: &str, query: &str| cluster.url(host, PASSWORD, query);
    let named = format!("?sslmode=verify-full&sslrootcert={ca}");
    for (url, more) in [
        (url("localhost", &named), &[][..]),
        (url("localhost", "?sslmode=verify-full"), &[("PATCHBAY_CA_FILE", ca.as_str())]),
        (url("localhost", "?sslmode=verify-full"), &[("SSL_CERT_FILE", ca.as_str())]),
        (url("localhost", "?sslrootcert=system"), &[("SSL_CERT_FILE", ca.as_str())]),
        (url("127.0.0.1", &format!("?sslmode=verify-ca&sslrootcert={ca}")), &[]),
        (url("127.0.0.1", "?sslmode=require"), &[]),
        (url("127.0.0.1", "?sslmode=prefer"), &[]),
        (url("127.0.0.1", "?sslmode=disable"), &[]),
    ] {
        let (worked, said) = migrate(&folder, &url, more);
        assert!(worked, "{url}: {said}");
    }
    let place = format!("127.0.0.1:{}", cluster.port);
    refused(&folder, &url("127.0.0.1", &named), &[], &[&place, "a certificate for localhost, not for this name"]);
    let untrusted = ["an authority that is not trusted here", "sslrootcert"];
    refused(&folder, &url("localhost", "?sslmode=verify-full"), &[], &untrusted);
    for mode in ["verify-ca", "verify-full"] {
        refused(&folder, &url("localhost", &format!("?sslmode={mode}&sslrootcert={other}")), &[], &untrusted);
    }
    refused(&folder, &url("localhost", "?sslmode=verify-full&sslrootcert=/no/where.pem"), &[], &["/no/where.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_is_encrypted_where_the_server_offers_it() {
    if !is_wanted() {
        return;
    }
    let authority = Authority::new("Ours");
    let cluster = Cluster::start(Some(&authority.identity(&["localhost"])), "");
    let mut admin = cluster.admin().await;
    for (mode, encrypted) in [("prefer", true), ("disable", false)] {
        let database =
            Database { url: cluster.url("127.0.0.1", PASSWORD, &format!("?sslmode={mode}")), folder: Folder::new() };
        let server = Server::start(&database).await;
        let started = Instant::now();
        loop {
            let rows: Vec<(bool, String)> = sqlx::query_as(
                "SELECT ssl.ssl, activity.query FROM pg_stat_ssl ssl JOIN pg_stat_activity activity USING (pid) \
                 WHERE application_name = 'patchbay'",
            )
            .fetch_all(&mut admin)
            .await
            .unwrap();
            assert!(rows.iter().all(|(ssl, _)| *ssl == encrypted), "{mode}: {rows:?}");
            if rows.iter().any(|(_, query)| query.starts_with("LISTEN")) {
                break;
            }
            assert!(started.elapsed() < SOON, "it does not listen: {rows:?}\n{}", server.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_database_is_said_with_its_place_and_without_the_password() {
    if !is_wanted() {
        return;
    }
    let folder = Folder::new();
    let cluster = Cluster::start(None, "");
    let place = format!("127.0.0.1:{}", cluster.port);
    let url = |query: &str| cluster.url("127.0.0.1", PASSWORD, query);
    assert!(migrate(&folder, &url(""), &[]).0);
    refused(
        &folder,
        &cluster.url("127.0.0.1", "wrong-one", ""),
        &[],
        &[&place, "does not let \"patchbay\" in", "pg_hba.conf"],
    );
    let elsewhere = url("").replace("/postgres", "/nowhere");
    refused(&folder, &elsewhere, &[], &[&place, "has no database \"nowhere\""]);
    refused(&folder, &url("?sslmode=require"), &[], &[&place, "offers no TLS"]);
    let nothing = format!("postgres://patchbay:{PASSWORD}@127.0.0.1:1/postgres");
    refused(&folder, &nothing, &[], &["127.0.0.1:1", "refuses the connection"]);
    let unknown = format!("postgres://patchbay:{PASSWORD}@db.invalid/postgres");
    refused(&folder, &unknown, &[], &["db.invalid:5432", "cannot be resolved"]);
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = web.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(web, axum::Router::new()).await });
    let other = format!("postgres://patchbay:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=require");
    refused(&folder, &other, &[], &[&format!("127.0.0.1:{port}"), "not PostgreSQL"]);
    let mut admin = cluster.admin().await;
    admin.execute("CREATE ROLE guest LOGIN PASSWORD 'hush-hush' CONNECTION LIMIT 0").await.unwrap();
    let guest = url("").replace("patchbay:", "guest:");
    refused(&folder, &guest, &[], &[&place, "no connection left for \"guest\""]);
    admin.execute("ALTER ROLE patchbay SET default_transaction_read_only = on").await.unwrap();
    admin.execute("DROP TABLE _sqlx_migrations").await.unwrap();
    refused(&folder, &url(""), &[], &[&place, "only reads"]);
}

async fn deliver(server: &Server, number: i64) {
    let customer = customer("cus_1", &format!("Version {number}"));
    let body = event(&format!("evt_{number}"), "customer.updated", now() - 100 + number, &customer);
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200, "{number}");
}

async fn until_logged(server: &Server, what: &str) {
    let started = Instant::now();
    while !server.logs().contains(what) {
        assert!(started.elapsed() < SOON, "{what} is not said:\n{}", server.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts while the database cannot be used, says why, takes deliveries, and files them after the repair.
async fn is_waited_for(database: &Database, why: &str, repair: impl AsyncFnOnce()) {
    let server = Server::start(database).await;
    until_logged(&server, why).await;
    for number in 1..4 {
        deliver(&server, number).await;
    }
    assert_eq!(server.logs().matches(why).count(), 1, "once:\n{}", server.logs());
    repair().await;
    until_logged(&server, "the database answers and is up to date").await;
    server.filed().await;
    assert!(!server.logs().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_at_the_start_is_waited_for() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::start(None, "");
    let database = Database { url: cluster.url("127.0.0.1", "wrong-one", ""), folder: Folder::new() };
    is_waited_for(&database, "does not let \\\"patchbay\\\" in", async || {
        cluster.admin().await.execute("ALTER ROLE patchbay PASSWORD 'wrong-one'").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_at_the_start_is_waited_for_until_it_is_promoted() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::start(None, "");
    cluster.become_standby();
    let database = Database { url: cluster.url("127.0.0.1", PASSWORD, ""), folder: Folder::new() };
    is_waited_for(&database, "it is a standby", async || cluster.control(&["promote"])).await;
}

async fn locks_the_schema(database: Database) {
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    // The lock of sqlx's migrator, as an older version or another tool holds it.
    let lock = "SELECT pg_advisory_lock(1026731422::bigint * $1)";
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut other).await.unwrap();
    sqlx::query(lock).bind(i64::from(crc32(name.as_bytes()))).execute(&mut other).await.unwrap();
    let elsewhere = Folder::new();
    let mut worker = patchbay(elsewhere.path(), &[("DATABASE_URL", &database.url)]);
    let log = std::fs::File::create(elsewhere.path().join("worker.log")).unwrap();
    let mut worker = worker.arg("worker").stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap();
    let worker_says = || std::fs::read_to_string(elsewhere.path().join("worker.log")).unwrap();
    is_waited_for(&database, "holds the migration lock", async || {
        let started = Instant::now();
        while !worker_says().contains("holds the migration lock") {
            assert!(started.elapsed() < SOON, "{}", worker_says());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(other);
    })
    .await;
    let started = Instant::now();
    while !worker_says().contains("works on events") {
        assert!(started.elapsed() < SOON, "{}", worker_says());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_migration_is_waited_for_by_server_and_worker() {
    on_postgres(locks_the_schema).await;
}

async fn by_session(database: Database) {
    works_behind(database, "session", 40).await;
}

async fn by_transaction(database: Database) {
    works_behind(database, "transaction", 4).await;
}

/// Two processes, several starts, few connections: everything that a pooler could mix up.
async fn works_behind(database: Database, mode: &str, connections: u32) {
    let behind = url::Url::parse(&database.url).unwrap();
    let bouncer = Bouncer::start(&behind, mode, connections);
    let url = format!("postgres://patchbay@127.0.0.1:{}{}", bouncer.port, behind.path());
    let mut server = Server::start_with(&database, &[("DATABASE_URL", &url)]).await;
    let folder = Folder::new();
    let other = Database { url: url.clone(), folder };
    let second = Server::start(&other).await;
    for round in 0..2 {
        for number in 1..21 {
            deliver(if number % 2 == 0 { &server } else { &second }, round * 100 + number).await;
        }
        server.filed().await;
        second.filed().await;
        server.kill();
        server.start_again().await;
    }
    database.until("SELECT COUNT(*) FROM events WHERE state = 'processed'", 40, SOON).await;
    let listed = output(patchbay(other.folder.path(), &[("DATABASE_URL", &url)]).args(["events", "list", "--json"]));
    assert!(listed.status.success() && text(&listed.stdout).contains("evt_120"), "{}", text(&listed.stderr));
    for server in [&server, &second] {
        if mode == "transaction" {
            server.says("pool_mode = transaction").await;
        }
        let logs = server.logs();
        assert_eq!(logs.contains("pool_mode = transaction"), mode == "transaction", "{logs}");
        // That nobody can sign in is another matter.
        let errors: Vec<&str> =
            logs.lines().filter(|line| line.contains("ERROR") && !line.contains("sign-in")).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{}", bouncer.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_may_keep_a_connection_for_each_session() {
    on_postgres(by_session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_may_give_every_transaction_another_connection() {
    on_postgres(by_transaction).await;
}

/// Somebody who takes and gives back the pooler's connections all the time.
async fn is_busy_behind(url: String) {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.extra_float_digits(None);
    loop {
        let mut connection = options.connect().await.unwrap();
        for _ in 0..50 {
            connection.execute(sqlx::raw_sql("BEGIN; SELECT pg_sleep(0.002); COMMIT")).await.unwrap();
        }
    }
}

async fn knows_at_once(database: Database) {
    let behind = url::Url::parse(&database.url).unwrap();
    for mode in ["transaction", "session"] {
        let bouncer = Bouncer::start(&behind, mode, 12);
        let url = format!("postgres://patchbay@127.0.0.1:{}{}", bouncer.port, behind.path());
        let others: Vec<_> = (0..3).map(|_| tokio::spawn(is_busy_behind(url.clone()))).collect();
        for _ in 0..10 {
            let folder = Folder::new();
            let run = output(patchbay(folder.path(), &[("DATABASE_URL", &url)]).arg("migrate"));
            let said = text(&run.stderr);
            assert!(run.status.success(), "{mode}: {said}");
            assert_eq!(said.contains("pool_mode = transaction"), mode == "transaction", "{mode}: {said}");
            assert!(others.iter().all(|other| !other.is_finished()), "{}", bouncer.log());
        }
        others.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_known_at_once_while_others_keep_its_connections_busy() {
    on_postgres(knows_at_once).await;
}
