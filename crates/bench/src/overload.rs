//! `make bench-overload`: twice what the server can do, over one connection, while staff look at pages and another
//! connection delivers a little.

use crate::{
    Failure,
    bench::{Bench, OBJECTS, Plan},
    events::{Deliveries, Topic},
    load::{self, Measured, Pace, percentile, rate},
    lookout::Lookout,
    product::{SECOND_CONNECTION, Setup},
    report::{self, Targets},
    scenario::whole,
    staff::{Identity, Staff},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// More than may wait in the server, so that the bound is reached.
const FLOOD_CONNECTIONS: usize = 6_000;
const QUIET: &str = "/webhooks/stripe/quiet";
const QUIET_PER_SECOND: u32 = 50;
/// What staff look at meanwhile, in turn.
const PAGES: [&str; 4] = ["/", "/events", "/customers", "/dead-letters"];
/// Seldom: looking is work for a machine that has too much of it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(50);

pub async fn run(plan: &Plan, database: &str, url: Option<String>) -> Result<(), Failure> {
    let identity = Identity::start().await?;
    let setup = Setup { database_url: url, variables: identity.variables.clone(), second_connection: true };
    let bench = Bench::start(plan, setup).await?;
    report::heading(&format!("{database}: overload"));
    bench.warm_up().await?;
    let capacity = bench.fastest("capacity", Topic::Customers, 256).await?;
    report::row("capacity, 256 connections", &capacity.answered);
    let before = bench.server.memory()?;
    let staff = identity.staff(bench.server.address).await?;
    // Known keys and a warm pool: what is measured is the overload.
    for path in PAGES {
        staff.page(path).await?;
    }
    let twice = whole(capacity.answered.per_second() * 2.0);
    let (flood, (quiet, visible), pages) = under_flood(&bench, &staff, twice).await?;
    let after = bench.server.memory()?;
    bench.worked_off(&flood).await?;
    bench.worked_off(&quiet).await?;
    report::row(&format!("stripe, {twice}/s wanted"), &flood);
    report::row(&format!("stripe/quiet, {QUIET_PER_SECOND}/s"), &quiet);
    let refused = flood.refused.max(1);
    println!(
        "\nSent to stripe: {:.0}/s, of which answered with 503 and Retry-After: {:.1} %",
        flood.offered_per_second(),
        100.0 * rate(flood.put_off, flood.elapsed) / flood.offered_per_second()
    );
    if flood.refused == 0 {
        println!("Nothing was refused, so this was no overload: send for longer, or measure undisturbed.");
    }
    report::visible("the quiet connection", &visible);
    println!("Still accepted, of the capacity: {:.2}", flood.per_second() / capacity.answered.per_second());
    println!("Staff pages during it: {} read", pages.len());
    println!("Resident memory of the server: {} MB before, at most {} MB", before.now, after.highest);

    let mut targets = Targets::default();
    targets.at_least(
        format!("{database}: of what is refused, told when to come again"),
        share(flood.put_off, refused),
        1.0,
    );
    targets.at_most(format!("{database}: connections broken"), f64::from(count(flood.broken + quiet.broken)), 0.0);
    targets.within(format!("{database}: accepted under overload, p99"), flood.percentile(99), Duration::from_secs(2));
    targets.within(
        format!("{database}: staff pages under overload, p95"),
        percentile(&pages, 95),
        Duration::from_millis(200),
    );
    targets.at_most(
        format!("{database}: memory for each of the {FLOOD_CONNECTIONS} connections, KB"),
        1_000.0 * share(usize::try_from(after.highest.saturating_sub(before.now))?, FLOOD_CONNECTIONS),
        64.0,
    );
    let sent = quiet.accepted + quiet.refused + quiet.broken;
    targets.at_least(
        format!("{database}: the quiet connection's deliveries accepted"),
        share(quiet.accepted, sent),
        1.0,
    );
    let ratio = quiet.p99_seconds() / flood.p99_seconds();
    targets.at_most(format!("{database}: the quiet connection's p99, of the noisy one's"), ratio, 1.2);
    targets.print();
    bench.store.close().await;
    Ok(())
}

/// The deliveries of the other connection, and how long until their records could be read, sorted.
type Quiet = (Measured, Vec<Duration>);

/// The flood, what the other connection saw during it, and the sorted times of staff pages.
async fn under_flood(
    bench: &Bench<'_>,
    staff: &Staff,
    twice: u32,
) -> Result<(Measured, Quiet, Vec<Duration>), Failure> {
    let (address, duration) = (bench.server.address, bench.plan.duration);
    let seconds = duration.as_secs();
    let requests =
        bench.deliveries("flood", Topic::Customers, OBJECTS).requests(usize::try_from(u64::from(twice) * seconds)?);
    let quiet = Deliveries { run: "quiet".to_owned(), address, path: QUIET, topic: Topic::Customers, objects: OBJECTS };
    let requests_of_quiet = quiet.requests(usize::try_from(u64::from(QUIET_PER_SECOND) * seconds)?);
    let database_url = bench.server.database_url.clone();
    // Threads of their own: they shall wait for the server, not for the flood's sender.
    let over = Arc::new(AtomicBool::new(false));
    let pages = {
        let (staff, over) = (staff.again()?, over.clone());
        std::thread::spawn(move || alone(look_at_pages(staff, over)))
    };
    let quiet = std::thread::spawn(move || {
        let how = (8, Pace::PerSecond(QUIET_PER_SECOND), duration);
        alone(async move {
            let lookout = Lookout::open(&database_url, SECOND_CONNECTION, Arc::new(quiet), LOOK_AGAIN).await?;
            let on_answer = lookout.clone();
            let measured = load::send(address, requests_of_quiet, how, move |number| on_answer.acknowledged(number));
            Ok((measured.await?, lookout.times().await?))
        })
    });
    let how = (FLOOD_CONNECTIONS, Pace::Flood(twice), duration);
    let flood = load::send(address, requests, how, |_| ()).await;
    over.store(true, Ordering::Relaxed);
    let (pages, quiet) = tokio::task::spawn_blocking(move || (pages.join(), quiet.join())).await?;
    let pages = pages.map_err(|_| "the reader of pages panicked")??;
    let quiet = quiet.map_err(|_| "the quiet sender panicked")??;
    Ok((flood?, quiet, pages))
}

async fn look_at_pages(staff: Staff, over: Arc<AtomicBool>) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for path in PAGES.into_iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        times.push(staff.page(path).await?.0);
        tokio::time::sleep(PAUSE).await;
    }
    times.sort_unstable();
    Ok(times)
}

fn alone<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn share(part: usize, whole: usize) -> f64 {
    f64::from(count(part)) / f64::from(count(whole.max(1)))
}
