//! Real proxies in front of the real binary, as `docs/proxies.md` configures them.

use crate::{
    database::{Database, Folder},
    deliveries::{customer_updated, event, now, signed},
    server::{PATIENCE, client, free_address},
    sessions::Site,
};
use reqwest::{Client, redirect::Policy};
use serde_json::json;
use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const DOCS: &str = include_str!("../../../docs/proxies.md");

/// A proxy on a port of its own.
struct Proxy {
    process: Child,
    url: String,
    _folder: Folder,
}

impl Proxy {
    fn start(mut command: Command, address: &str, folder: Folder) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.try_wait().unwrap() {
                let log = std::fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
                panic!("the proxy ended with {status}: {log}");
            }
            assert!(started.elapsed() < PATIENCE, "the proxy does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, url: format!("http://{address}"), _folder: folder }
    }

    fn nginx(address: &str, server: &str) -> Self {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .concat();
        // Only root may choose the workers' user, and they must reach the folder.
        let config = format!(
            "user root;\ndaemon off;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{server}\n}}\n",
            at("nginx.pid"),
            at("error.log"),
        );
        std::fs::write(at("nginx.conf"), config).unwrap();
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| std::path::Path::new(path).exists());
        let mut command = Command::new(program.expect("nginx is missing: .ci/setup test installs it"));
        command.args(["-c", &at("nginx.conf"), "-p"]).arg(folder.path());
        Self::start(command, address, folder)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its workers end with it only when it ends them itself.
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.process.wait().ok();
    }
}

/// The example of `docs/proxies.md` in this language.
fn documented(language: &str) -> &'static str {
    let (_, rest) = DOCS.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

async fn site_for(public: &str) -> Site {
    let settings = [("PATCHBAY_PUBLIC_URL", public), ("PATCHBAY_TRUSTED_PROXIES", "127.0.0.1")];
    Site::start_on(Database::sqlite(), &settings).await
}

/// Everything that must work through any proxy.
async fn everything_works(proxy: &Proxy, site: &Site, names_clients: bool) {
    let (http, url) = (client(), |path: &str| format!("{}{path}", proxy.url));
    let ada = site.cookie("user_ada");

    // The stream opens at once, and news come while it is open.
    let stream = http.get(url("/live?topics=events")).header("cookie", &ada).send();
    let mut stream = tokio::time::timeout(PATIENCE, stream).await.expect("not even headers came").unwrap();
    assert_eq!(stream.status(), 200);
    let body = event(
        "evt_exact",
        "customer.updated",
        now(),
        &json!({"id": "cus_1", "object": "customer", "name": "\u{e4} \u{1f600}  \\u00e9"}),
    );
    let body = [&body[..], b" \r\n\t"].concat();
    let deliver = |body: &[u8], signature: String| {
        http.post(url("/webhooks/stripe")).header("stripe-signature", signature).body(body.to_vec()).send()
    };
    assert_eq!(deliver(&body, signed(&body)).await.unwrap().status(), 200);
    let news = async {
        let mut seen = String::new();
        while !seen.contains("data:") {
            seen += &String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("the stream ended"));
        }
    };
    tokio::time::timeout(PATIENCE, news).await.expect("no news came");

    let store = site.database.store().await;
    let found = store.event_by_external("evt_exact").await.unwrap();
    let stored = store.event(found[0].id).await.unwrap().unwrap();
    assert_eq!(stored.body, body, "the delivery is not what was signed");

    // A form, from a browser that only tells its origin.
    let form = async |origin: &str| {
        let post = http.post(url("/theme")).form(&[("theme", "dark")]).header("cookie", &ada);
        post.header("origin", origin).send().await.unwrap().status().as_u16()
    };
    assert_eq!(form(&proxy.url).await, 303);
    assert_eq!(form("http://evil.example").await, 403);

    assert_eq!(http.get(url("/webhooks/stripe/nobody")).send().await.unwrap().status().as_u16() / 100, 4);
    let unknown = http.post(url("/webhooks/nobody")).body("{}").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let page =
        http.get(url("/no-such-page")).header("cookie", &ada).header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), 404);
    assert_eq!(http.get(url("/metrics")).send().await.unwrap().status(), 404, "numbers are not for everybody");

    // Refused, from an address that is not the proxy's, by somebody who makes up another one.
    let elsewhere = from("127.0.0.2").post(url("/webhooks/stripe")).header("stripe-signature", "t=1,v1=00");
    let refused =
        elsewhere.header("x-forwarded-for", "198.51.100.1").body(customer_updated("evt_no")).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    if names_clients {
        let sql = "SELECT COUNT(*) FROM rejections WHERE remote = '127.0.0.2'";
        site.database.until(sql, 1, PATIENCE).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is the server's client and brings its own")]
fn from(address: &str) -> Client {
    let builder = Client::builder().redirect(Policy::none()).local_address(Some(address.parse().unwrap()));
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_through_a_plain_nginx() {
    let address = free_address();
    let site = site_for(&format!("http://{address}")).await;
    let plain = format!("server {{ listen {address}; location / {{ proxy_pass http://{}; }} }}", site.server.address());
    everything_works(&Proxy::nginx(&address, &plain), &site, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_through_nginx_as_documented() {
    let address = free_address();
    let site = site_for(&format!("http://{address}")).await;
    let example: String = documented("nginx")
        .lines()
        .filter(|line| !line.trim_start().starts_with("ssl_"))
        .map(|line| line.replace("443 ssl", &address).replace("127.0.0.1:3000", site.server.address()) + "\n")
        .collect();
    everything_works(&Proxy::nginx(&address, &example), &site, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_through_caddy_as_documented() {
    let Some(program) =
        ["/usr/bin/caddy", "/usr/local/bin/caddy"].into_iter().find(|path| std::path::Path::new(path).exists())
    else {
        eprintln!("SKIPPED: there is no caddy here; .ci/setup test installs it where the distribution has it");
        return;
    };
    let address = free_address();
    let site = site_for(&format!("http://{address}")).await;
    let example = documented("caddy")
        .replace("patchbay.example.com", &format!("http://{address}"))
        .replace("127.0.0.1:3000", site.server.address());
    let folder = Folder::new();
    let config = folder.path().join("Caddyfile");
    std::fs::write(&config, format!("{{\n    admin off\n    auto_https off\n}}\n{example}")).unwrap();
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config).env("HOME", folder.path());
    let proxy = Proxy::start(command, &address, folder);
    everything_works(&proxy, &site, true).await;
}
