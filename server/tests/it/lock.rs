//! Two processes on one file of `SQLite`.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, signed},
    server::{Server, free_address, output, patchbay, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_or_worker_on_one_file_is_refused_and_commands_are_not() {
    let database = Database::sqlite();
    let mut server = Server::start(&database).await;
    let folder = database.folder.path();
    let address = free_address();
    let environment = [("DATABASE_URL", database.url.as_str()), ("PATCHBAY_ADDR", &address)];
    for command in ["serve", "worker"] {
        let refused = output(patchbay(folder, &environment).arg(command));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains(&format!("pid {}", server.pid())) && said.contains("PostgreSQL"), "{command}: {said}");
    }
    for arguments in [&["events", "list"][..], &["migrate"]] {
        let beside = output(patchbay(folder, &environment).args(arguments));
        assert!(beside.status.success(), "{arguments:?}: {}", text(&beside.stderr));
    }
    // The system takes the lock back, however the process ends.
    server.kill();
    server.start_again().await;
    let body = customer_updated("evt_1");
    assert_eq!(server.deliver(&body, &signed(&body)).await.0, 200);
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_start_with_what_to_do() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let nowhere = if cfg!(target_os = "linux") { "/proc/1/patchbay" } else { "taken" };
    for data in ["taken", "taken/deeper", nowhere] {
        let refused = output(patchbay(folder.path(), &[("PATCHBAY_DATA_DIR", data)]).arg("serve"));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{data}: {said}");
        assert!(said.contains("cannot be written") && said.contains(data), "{data}: {said}");
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_ends_the_start_with_what_to_do() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    // The second one is for documentation, and nobody's.
    for (address, advice) in [(taken.as_str(), "another process listens there"), ("192.0.2.1:3000", "no such address")]
    {
        let folder = Folder::new();
        let refused = output(patchbay(folder.path(), &[("PATCHBAY_ADDR", address)]).arg("serve"));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("cannot listen on {address}")) && said.contains(advice), "{said}");
    }
}
