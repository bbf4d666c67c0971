//! `make bench-growth`: what years of history cost, against an empty database.

use crate::{
    Failure,
    bench::{Bench, Plan},
    events::Topic,
    folder::Folder,
    grow::{self, Scale},
    load::percentile,
    postgres::Cluster,
    product::Setup,
    report::{self, Targets, millis},
    staff::{Identity, Staff},
};
use patchbay_store::{EventFilter, PageRequest};
use std::time::Duration;

/// Runs of each kind; the median counts.
const RUNS: usize = 3;
const CONNECTIONS: usize = 256;
const READINGS: usize = 40;
const LIMIT: Duration = Duration::from_millis(20);

/// Every list that staff have, plain and as they filter it.
const LISTS: [&str; 31] = [
    "/",
    "/events",
    "/events?state=processed",
    "/events?state=skipped",
    "/events?state=dead",
    "/events?type=invoice.paid",
    "/events?type=customer.*",
    "/events?type=invoice.*&state=processed",
    "/events?connection=stripe",
    "/events?connection=mux",
    "/events?connection=mux&state=skipped",
    "/events?object=cus_g00000001",
    "/dead-letters",
    "/rejections",
    "/calls",
    "/audit",
    "/connections",
    "/customers",
    "/customers?status=delinquent",
    "/customers?text=Northwind+1",
    "/subscriptions",
    "/subscriptions?status=active",
    "/subscriptions?status=past_due",
    "/subscriptions?plan=price_g1",
    "/subscriptions?customer=cus_g00000001",
    "/invoices",
    "/invoices?status=open",
    "/invoices?text=PB-0000004",
    "/videos",
    "/videos?status=errored",
    "/search?q=northwind",
];
/// Shown beside them without a target: they look into payloads or show one thing.
const OTHERS: [&str; 4] = [
    "/events?text=accounts-payable",
    "/customers/stripe/cus_g00000001",
    "/subscriptions/stripe/sub_g00000001",
    "/invoices/stripe/in_g00000001",
];

/// A database that lives as long as this does.
enum Database {
    Sqlite(Folder),
    Postgres(Cluster),
}

impl Database {
    fn make(name: &str, label: &str) -> Result<Self, Failure> {
        if name == "postgres" {
            return Ok(Self::Postgres(Cluster::start()?));
        }
        Ok(Self::Sqlite(Folder::new(label)?))
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("patchbay.db").display()),
            Self::Postgres(cluster) => cluster.url(),
        }
    }
}

/// `existing` is the address of a database that was filled before; otherwise one is filled here.
pub async fn run(plan: &Plan, database: &str, scale: Scale, existing: Option<String>) -> Result<(), Failure> {
    let identity = Identity::start().await?;
    let mut targets = Targets::default();
    report::heading(&format!("{database}: growth to {} events and {} records", scale.events, scale.records));
    let empty = {
        let empty = Database::make(database, "empty")?;
        let bench = start(plan, &identity, empty.url()).await?;
        let rate = ingest_rate(&bench, "empty").await?;
        bench.store.close().await;
        rate
    };
    let own = if existing.is_some() { None } else { Some(Database::make(database, "full")?) };
    let url = existing.or_else(|| own.as_ref().map(Database::url)).unwrap_or_default();
    if own.is_some() {
        grow::grow(&url, scale).await?;
    }
    let bench = start(plan, &identity, url).await?;
    let staff = identity.staff(bench.server.address).await?;
    let pages = pages(&bench, &staff).await?;
    let read = bench.server.memory()?;
    let full = ingest_rate(&bench, "full").await?;
    let loaded = bench.server.memory()?;
    let size = bench.store.size_bytes().await? / 1_000_000;
    println!("\nSize of the database: {size} MB");
    println!("Resident memory: {} MB after reading pages, at most {} MB after the load", read.now, loaded.highest);
    println!("\n| page | p50 | p95 |\n|---|---:|---:|");
    for (path, times) in &pages {
        let time = |percent| percentile(times, percent).map_or_else(|| "–".to_owned(), millis);
        println!("| {path} | {} | {} |", time(50), time(95));
    }
    targets.at_least(format!("{database}: ingest rate, of empty"), full / empty, 0.9);
    targets.megabytes(format!("{database}: resident memory at its highest"), loaded.highest, 200);
    for (path, times) in pages.iter().filter(|(path, _)| !OTHERS.contains(&path.as_str())) {
        targets.within(format!("{database}: {path}, p95"), percentile(times, 95), LIMIT);
    }
    targets.print();
    bench.store.close().await;
    Ok(())
}

async fn start<'a>(plan: &'a Plan, identity: &Identity, url: String) -> Result<Bench<'a>, Failure> {
    let setup = Setup { database_url: Some(url), variables: identity.variables.clone(), second_connection: false };
    Bench::start(plan, setup).await
}

async fn ingest_rate(bench: &Bench<'_>, name: &str) -> Result<f64, Failure> {
    bench.warm_up().await?;
    let mut rates = Vec::new();
    for number in 0..RUNS {
        let run = bench.fastest(&format!("{name}{number}"), Topic::Customers, CONNECTIONS).await?;
        report::row(&format!("{name}, {CONNECTIONS} connections"), &run.answered);
        rates.push(run.answered.per_second());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates.get(RUNS / 2).copied().unwrap_or_default())
}

async fn pages(bench: &Bench<'_>, staff: &Staff) -> Result<Vec<(String, Vec<Duration>)>, Failure> {
    let mut paths: Vec<String> = LISTS.iter().chain(&OTHERS).map(|path| (*path).to_owned()).collect();
    // A page in the middle of the history, as the pager links to it.
    let newest = bench.store.list_events(&EventFilter::default(), &PageRequest::default()).await?;
    paths.extend(newest.items.first().map(|event| format!("/events/{}", event.id)));
    let mut pages = Vec::new();
    for path in paths {
        staff.page(&path).await?;
        let times = staff.times(&path, READINGS).await?;
        pages.push((path, times));
    }
    Ok(pages)
}
