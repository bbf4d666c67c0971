//! What less usual prices make of the pages: every invoice adds up, line by line.

use crate::{cases::words, database::Database, server::Server};
use std::time::Duration;

/// A first sync of the whole sandbox, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(4);
const SYNCED: &str = "SELECT COUNT(*) FROM syncs WHERE connection = 'stripe' AND state = 'done'";

/// Without the marks that isolate directions.
fn seen(page: &str) -> String {
    words(page).replace(['\u{2068}', '\u{2069}'], "")
}

struct Customer<'a> {
    server: &'a Server,
    cookie: String,
}

impl Customer<'_> {
    async fn page(&self, path: &str) -> String {
        let answer = self.server.get_as(&self.cookie, path).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The pages of their invoices, newest first.
    async fn invoices(&self) -> Vec<String> {
        let list = self.page("/billing/invoices").await;
        let mut paths: Vec<&str> = list.split('"').filter(|part| part.starts_with("/billing/invoices/in_")).collect();
        paths.dedup();
        assert!(paths.len() > 2, "{list}");
        let mut pages = Vec::new();
        for path in paths {
            pages.push(seen(&self.page(path).await));
        }
        pages
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_with_usage_tiers_discounts_and_many_lines_add_up() {
    let database = Database::sqlite();
    let server = Server::start_sandbox(&database).await;
    database.until(SYNCED, 1, PATIENCE).await;
    let as_person = async |person| Customer { server: &server, cookie: server.sign_in(person).await };

    let metered = as_person("greta").await.invoices().await;
    assert!(metered[0].contains("× Deliveries (at $0.0004 / month)"), "{}", metered[0]);

    let tiered = as_person("hugo").await.invoices().await;
    for part in ["5 × Team seats (Tier 1 at $15.00 / month)", "13 × Team seats (Tier 2 at $12.00 / month)", "Discount"]
    {
        assert!(tiered[0].contains(part), "{part}: {}", tiered[0]);
    }
    for amount in ["75.00", "156.00", "231.00", "46.20", "184.80"] {
        assert!(tiered[0].contains(amount), "{amount}: {}", tiered[0]);
    }

    let contoso = as_person("ines").await;
    let many = contoso.invoices().await;
    for region in ["Dublin", "Frankfurt", "Lagos", "Mumbai", "Osaka", "Oregon", "Santiago", "Singapore", "Sydney"] {
        assert!(many[0].contains(&format!("Region {region}")), "{region}: {}", many[0]);
    }
    assert!(many[0].contains("Priority support") && many[0].contains("Deliveries"), "{}", many[0]);
    let billing = seen(&contoso.page("/billing").await);
    assert!(billing.contains("Growth") && billing.contains("per year"), "{billing}");

    for page in [metered, tiered, many].concat() {
        for sentence in ["lines that we do not hold", "more lines than we hold"] {
            assert!(!page.contains(sentence), "{page}");
        }
    }
}
