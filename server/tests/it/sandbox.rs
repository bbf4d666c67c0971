//! The sandbox is one person's own: it refuses whatever may be more than that.

use crate::{
    database::{Database, Folder},
    on_both_databases,
    server::{Server, free_address, output, patchbay, text},
};

const HIDDEN: &str = "do_not_print";

on_both_databases!(
    the_sandbox_and_the_real_thing_never_share_a_database,
    a_database_with_anything_in_it_is_not_the_sandboxs,
);

/// What `serve --sandbox` with this environment says as it refuses to start.
fn refusal(folder: &Folder, environment: &[(&str, &str)]) -> String {
    let address = free_address();
    let mut all = vec![("PATCHBAY_ADDR", address.as_str())];
    all.extend(environment);
    let refused = output(patchbay(folder.path(), &all).args(["serve", "--sandbox"]));
    let said = text(&refused.stdout) + &text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{environment:?}: {said}");
    assert!(!said.contains(HIDDEN), "a secret is printed: {said}");
    said
}

#[test]
fn it_does_not_start_beside_a_live_key() {
    let folder = Folder::new();
    for (name, kind) in [("STRIPE_SECRET_KEY", "sk"), ("STRIPE_SECRET_KEY", "rk"), ("CLERK_PUBLISHABLE_KEY", "pk")] {
        let key = format!("{kind}_live_{HIDDEN}");
        let said = refusal(&folder, &[(name, &key)]);
        assert!(said.contains(&format!("{name} holds a live key")), "{said}");
    }
}

#[test]
fn it_does_not_start_where_others_may_reach_it() {
    let folder = Folder::new();
    for address in ["0.0.0.0:3000", "[::]:3000", "192.0.2.7:3000"] {
        let said = refusal(&folder, &[("PATCHBAY_ADDR", address)]);
        assert!(said.contains("this machine only"), "{said}");
    }
    for url in ["https://patchbay.example.com", "http://192.0.2.7:3000", "https://localhost.example.com"] {
        let said = refusal(&folder, &[("PATCHBAY_PUBLIC_URL", url)]);
        assert!(said.contains("this machine") && said.contains("PATCHBAY_PUBLIC_URL"), "{said}");
    }
}

#[test]
fn it_does_not_touch_the_database_of_the_environment() {
    let folder = Folder::new();
    let said = refusal(&folder, &[("DATABASE_URL", "sqlite://data/patchbay.db")]);
    assert!(said.contains("DATABASE_URL") && said.contains("PATCHBAY_SANDBOX_DATABASE_URL"), "{said}");
    assert!(!folder.path().join("data").exists());
}

async fn a_database_with_anything_in_it_is_not_the_sandboxs(database: Database) {
    let store = database.store().await;
    store.migrate().await.unwrap();
    store.start_sync("stripe", &[]).await.unwrap();
    store.close().await;
    let said = refusal(&database.folder, &[("PATCHBAY_SANDBOX_DATABASE_URL", &database.url)]);
    assert!(said.contains("not the sandbox's"), "{said}");
}

async fn the_sandbox_and_the_real_thing_never_share_a_database(database: Database) {
    let mut sandbox = Server::start_sandbox(&database).await;
    sandbox.kill();
    let address = free_address();
    let environment = [("DATABASE_URL", database.url.as_str()), ("PATCHBAY_ADDR", &address)];
    for command in [&["serve"][..], &["worker"], &["sync"]] {
        let refused = output(patchbay(database.folder.path(), &environment).args(command));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("belongs to the sandbox"), "{command:?}: {said}");
    }
    // It goes on where it was.
    sandbox.start_again().await;
}

#[tokio::test]
async fn it_answers_nobody_who_comes_through_a_proxy_or_under_another_name() {
    let database = Database::sqlite();
    let server = Server::start_sandbox(&database).await;
    let asked = async |path: &str, name: &'static str, value: &'static str| {
        let answer = server.http.get(server.url(path)).header(name, value).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for path in ["/", "/sandbox/", "/sandbox/clerk/sign-in", "/healthz", "/pkg/patchbay.css"] {
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=203.0.113.7"),
            ("host", "panel.example.com"),
            ("origin", "https://panel.example.com"),
        ] {
            let (status, text) = asked(path, name, value).await;
            assert_eq!(status, 403, "{path} {name}: {text}");
            assert!(text.contains("without --sandbox"), "{text}");
        }
    }
    assert_eq!(asked("/healthz", "accept", "*/*").await.0, 200);
}

#[tokio::test]
async fn its_data_is_in_a_folder_of_its_own() {
    let folder = Folder::new();
    let database =
        Database { url: format!("sqlite://{}", folder.path().join("data/sandbox/patchbay.db").display()), folder };
    let server = Server::start_sandbox_at_home(&database).await;
    let data = database.folder.path().join("data");
    let inside: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(inside, ["sandbox"]);
    assert!(data.join("sandbox/patchbay.db").exists() && data.join("sandbox/sandbox.jsonl").exists());
    assert!(database.store().await.is_sandbox().await.unwrap());
    drop(server);
}

#[tokio::test]
async fn a_member_of_an_organization_is_refused_and_an_impersonator_is_told_of() {
    let database = Database::sqlite();
    let server = Server::start_sandbox(&database).await;
    let post = async |person: &str| {
        let cookie = server.sign_in(person).await;
        let form = [("form_id", "form_1")];
        let request = server.http.post(server.url("/actions/billing/add-payment-method")).header("cookie", &cookie);
        let answer = request.header("sec-fetch-site", "same-origin").form(&form).send().await.unwrap();
        let to = answer.headers()["location"].to_str().unwrap().to_owned();
        let flash =
            answer.headers().get_all("set-cookie").iter().any(|value| value.to_str().unwrap().contains("flash=error"));
        (to, flash, cookie)
    };
    let (to, refused, cookie) = post("emeka").await;
    assert!(refused && to.ends_with("/billing/payment-methods"), "{to}");
    let page = server.get_as(&cookie, "/billing/payment-methods").await.text().await.unwrap();
    assert!(page.contains("View only") && !page.contains("add-payment-method"), "{page}");

    let cookie = server.sign_in("fumiko").await;
    let page = server.get_as(&cookie, "/billing").await.text().await.unwrap();
    assert!(page.contains("user_sandbox_ada") && page.contains("is signed in as"), "{page}");
}
