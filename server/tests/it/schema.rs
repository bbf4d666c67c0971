//! Schemas of other versions, and the permissions of the files that hold them.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, signed},
    on_both_databases,
    server::{Server, free_address, output, patchbay, text},
};
use sqlx::{Connection, PgConnection, SqliteConnection};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(30);
const MIGRATIONS: &str = "SELECT COUNT(*) FROM _sqlx_migrations";

on_both_databases!(
    a_newer_schema_is_refused_and_deliveries_are_kept_until_a_version_runs_that_knows_it,
    looking_at_an_older_schema_changes_nothing_and_names_the_command,
);

async fn execute(database: &Database, sql: &'static str) {
    if database.url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    output(patchbay(database.folder.path(), &[("DATABASE_URL", &database.url)]).args(arguments))
}

fn printed(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

async fn a_newer_schema_is_refused_and_deliveries_are_kept_until_a_version_runs_that_knows_it(database: Database) {
    assert!(run(&database, &["migrate"]).status.success());
    execute(
        &database,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 999999, 'of a newer version', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    for arguments in [&["migrate"][..], &["events", "list"], &["events", "replay", "--type", "x", "--yes"], &["doctor"]]
    {
        let refused = run(&database, arguments);
        assert!(!refused.status.success() && printed(&refused).contains("newer version of Patchbay"), "{refused:?}");
    }
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    let page = server.get("/").await;
    assert_eq!(page.status(), 503);
    let page = page.text().await.unwrap();
    assert!(page.contains("newer version of Patchbay") && page.contains("acknowledged"), "{page}");
    let ready = server.get("/readyz").await.text().await.unwrap();
    assert!(ready.contains("newer version of Patchbay"), "{ready}");
    assert_eq!(database.count("SELECT COUNT(*) FROM events").await, 0);
    execute(&database, "DELETE FROM _sqlx_migrations WHERE version = 999999").await;
    database.until("SELECT COUNT(*) FROM events", 1, SOON).await;
    assert!(!server.get("/").await.text().await.unwrap().contains("newer version of Patchbay"));
}

async fn looking_at_an_older_schema_changes_nothing_and_names_the_command(database: Database) {
    assert!(run(&database, &["migrate"]).status.success());
    execute(&database, "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .await;
    let before = database.count(MIGRATIONS).await;
    for arguments in
        [&["doctor"][..], &["events", "list"], &["events", "show", "evt_1"], &["events", "replay", "evt_1"]]
    {
        let refused = run(&database, arguments);
        assert!(!refused.status.success() && printed(&refused).contains("`patchbay migrate`"), "{refused:?}");
    }
    assert_eq!(database.count(MIGRATIONS).await, before);
}

#[test]
fn looking_makes_no_database() {
    let folder = Folder::new();
    let url = format!("sqlite://{}", folder.path().join("patchbay.db").display());
    let database = Database { url, folder };
    assert!(printed(&run(&database, &["doctor"])).contains("is not there yet"));
    assert!(printed(&run(&database, &["events", "list"])).contains("there is no database at"));
    assert_eq!(std::fs::read_dir(database.folder.path()).unwrap().count(), 0);
}

/// A server that a careless shell started.
struct Careless(std::process::Child);

impl Drop for Careless {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_for_their_owner_alone_and_the_doctor_tells_of_others() {
    let folder = Folder::new();
    let address = free_address();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" serve", env!("CARGO_BIN_EXE_patchbay")]);
    command.env_clear().env("PATCHBAY_ADDR", &address).current_dir(folder.path());
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Careless(quiet.spawn().unwrap());
    let data = folder.path().join("data");
    let names = ["patchbay.db", "patchbay.db-wal", "patchbay.db-shm", "patchbay.inbox.db", "patchbay.inbox.db-wal"];
    let files = names.map(|name| data.join(name));
    let started = Instant::now();
    while !files.iter().all(|file| file.exists()) {
        assert!(started.elapsed() < SOON, "there are no files");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(mode(&data), 0o700);
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 5]);
    drop(server);
    let doctor = || printed(&output(patchbay(folder.path(), &[]).arg("doctor")));
    assert!(!doctor().contains("chmod"), "{}", doctor());
    for (path, mode) in [(&data, 0o755), (&files[0], 0o644), (&files[3], 0o660)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let told: Vec<String> = doctor().lines().filter(|line| line.contains("chmod")).map(str::to_owned).collect();
    // What SQLite keeps beside a file takes over its permissions.
    assert!(told.len() >= 3, "{told:#?}");
    let wanted: [(&str, &PathBuf); 3] = [("700", &data), ("600", &files[0]), ("600", &files[3])];
    for (mode, path) in wanted {
        // As it is configured: relative to where the server starts.
        let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
        let chmod = format!("chmod {mode} '{name}'");
        assert!(told.iter().any(|line| line.ends_with(&chmod)), "{chmod}: {told:#?}");
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
