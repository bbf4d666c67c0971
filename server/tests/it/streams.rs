//! Streams that nobody reads, disks that are full, environments and arguments that are no text: a sentence, never a panic.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, signed},
    server::{Server, output, patchbay, text},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs to the end with streams of its own choice; a panic fails the test.
fn ended(command: &mut Command) -> Output {
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    let said = text(&ended.stdout) + &text(&ended.stderr);
    assert!(!said.contains("panicked") && ended.status.code().is_some_and(|code| code < 3), "{command:?}: {said}");
    ended
}

/// A pipe whose reader has gone.
fn unread() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn commands() -> [&'static [&'static str]; 8] {
    [
        &["--help"],
        &["--version"],
        &["help", "events"],
        &["config", "example"],
        &["migrate"],
        &["doctor"],
        &["events", "list"],
        &["events", "list", "--json"],
    ]
}

/// A database with an event, so that lists have something to print.
async fn with_an_event() -> Database {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
    server.filed().await;
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_reader_has_gone_ends_as_it_would_have() {
    let database = with_an_event().await;
    let folder = database.folder.path();
    let url = [("DATABASE_URL", database.url.as_str())];
    for arguments in commands() {
        let usual = output(patchbay(folder, &url).args(arguments)).status.code();
        let alone = ended(patchbay(folder, &url).args(arguments).stdout(unread()).stderr(Stdio::piped()));
        assert_eq!(alone.status.code(), usual, "{arguments:?}: {}", text(&alone.stderr));
        assert!(!text(&alone.stderr).contains("could not be written"), "{}", text(&alone.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_finds_no_room_is_said_to_be_missing() {
    let database = with_an_event().await;
    let url = [("DATABASE_URL", database.url.as_str())];
    for arguments in commands() {
        let lost = ended(patchbay(database.folder.path(), &url).args(arguments).stdout(full()).stderr(Stdio::piped()));
        let said = text(&lost.stderr);
        assert!(lost.status.code() == Some(1) && said.contains("No space left on device"), "{arguments:?}: {said}");
    }
}

#[test]
fn an_error_that_cannot_be_told_still_shows_in_the_exit_code() {
    let folder = Folder::new();
    for stderr in [full, unread] {
        let wrong = ended(patchbay(folder.path(), &[]).arg("--bogus").stdout(Stdio::piped()).stderr(stderr()));
        assert_eq!(wrong.status.code(), Some(2));
        let refused = [("DATABASE_URL", "")];
        let refused = ended(patchbay(folder.path(), &refused).arg("migrate").stdout(full()).stderr(stderr()));
        assert_eq!(refused.status.code(), Some(1));
    }
}

/// What `patchbay migrate` says with this variable in its environment.
fn migrate(folder: &Path, name: &OsStr, value: &OsStr) -> (Option<i32>, String) {
    let mut command = patchbay(folder, &[]);
    let ended = ended(command.arg("migrate").env(name, value).stdout(Stdio::piped()).stderr(Stdio::piped()));
    (ended.status.code(), text(&ended.stderr))
}

#[test]
fn an_environment_that_is_no_text_is_refused_by_name_where_it_is_ours() {
    let folder = Folder::new();
    let bytes = OsStr::from_bytes(b"caf\xe9");
    assert_eq!(migrate(folder.path(), OsStr::new("LESSCLOSE"), bytes).0, Some(0));
    assert_eq!(migrate(folder.path(), bytes, bytes).0, Some(0));
    for name in ["DATABASE_URL", "PATCHBAY_ADDR", "PATCHBAY_DATA_DIR", "RUST_LOG", "TOKIO_WORKER_THREADS"] {
        let (code, said) = migrate(folder.path(), OsStr::new(name), bytes);
        assert!(code == Some(1) && said.contains(name), "{name}: {said}");
    }
    for threads in ["0", "many", "", "1000000000"] {
        let (code, said) = migrate(folder.path(), OsStr::new("TOKIO_WORKER_THREADS"), OsStr::new(threads));
        assert!(code == Some(1) && said.contains("TOKIO_WORKER_THREADS"), "{threads}: {said}");
    }
    // A key of a connection is that connection's mistake: the process goes on without it.
    assert_eq!(migrate(folder.path(), OsStr::new("STRIPE_SECRET_KEY"), bytes).0, Some(0));
}

#[test]
fn arguments_that_are_no_text_are_refused_as_every_other_wrong_one() {
    let folder = Folder::new();
    let bytes = || OsString::from_vec(b"caf\xe9".to_vec());
    for arguments in [vec![bytes()], vec!["events".into(), "show".into(), bytes()]] {
        let mut command = patchbay(folder.path(), &[]);
        let refused = ended(command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()));
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    }
    let missing = ended(
        patchbay(folder.path(), &[])
            .arg("--config")
            .arg(bytes())
            .arg("migrate")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn an_empty_address_of_the_database_makes_no_new_one() {
    let folder = Folder::new();
    for value in ["", " ", "\n"] {
        let (code, said) = migrate(folder.path(), OsStr::new("DATABASE_URL"), OsStr::new(value));
        assert!(code == Some(1) && said.contains("DATABASE_URL is set but empty"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}
