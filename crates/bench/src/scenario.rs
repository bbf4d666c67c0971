//! `make bench`: one database after the other, the same measurements in the same order.

use crate::{
    Failure,
    bench::{Bench, OBJECTS, Plan, Rate, WARM_UP},
    events::{Deliveries, FIRST_CONNECTION, Topic},
    load::{self, Measured, Pace},
    product::{Server, Setup},
    report::{self, Targets},
};
use std::time::Duration;

const CONNECTIONS: [usize; 2] = [64, ENOUGH];
/// Connections at which the ratio to the ceiling has a target: enough of them for deliveries to share commits.
const ENOUGH: usize = 256;

/// What is wanted of one database.
pub struct Wanted {
    pub database: &'static str,
    /// Stored over verified only, at [`ENOUGH`] connections.
    pub ratio: f64,
}

pub async fn run(plan: &Plan, wanted: &Wanted, url: Option<String>) -> Result<(), Failure> {
    let database = wanted.database;
    report::heading(database);
    let ceiling = ceiling(plan).await?;
    let bench = Bench::start(plan, Setup { database_url: url, ..Setup::default() }).await?;
    bench.warm_up().await?;
    let mut stored = Vec::new();
    for connections in CONNECTIONS {
        let profile = if connections == ENOUGH { bench.profile(database)? } else { None };
        let run = bench.fastest(&format!("b{connections}"), Topic::Customers, connections).await?;
        drop(profile);
        report::row(&format!("stored, {connections} connections"), &run.answered);
        stored.push(run);
    }
    let fastest = stored.iter().map(|run| run.answered.per_second()).fold(0.0, f64::max);
    let half = whole(fastest / 2.0);
    let rate = Rate { connections: ENOUGH, per_second: half };
    let at_half = bench.at_rate("half", Topic::Customers, rate).await?;
    report::row(&format!("stored, half of the maximum ({half}/s)"), &at_half);
    let mut visible = Vec::new();
    for (rate, limit) in [(200, 25), (2_000, 100)] {
        let (measured, times) = bench.until_visible(&format!("d{rate}"), rate).await?;
        report::row(&format!("stored, {rate}/s"), &measured);
        visible.push((rate, Duration::from_millis(limit), times));
    }
    println!();
    for (connections, run) in CONNECTIONS.into_iter().zip(&stored) {
        let per_second = run.written_per_second();
        println!("Worked on, {connections} connections, first delivery to last record: {per_second:.0} events/s");
    }
    for (rate, _, times) in &visible {
        report::visible(&format!("{rate}/s"), times);
    }
    let memory = bench.server.memory()?;
    println!("Resident memory of the server: {} MB, at most {} MB", memory.now, memory.highest);

    let mut targets = Targets::default();
    for (number, connections) in CONNECTIONS.into_iter().enumerate() {
        if let (Some(stored), Some(ceiling)) = (stored.get(number), ceiling.get(number)) {
            let ratio = stored.answered.per_second() / ceiling.per_second();
            let what = format!("{database}: stored over verified only, {connections} connections");
            if connections == ENOUGH {
                targets.at_least(what, ratio, wanted.ratio);
            } else {
                println!("{what}: {ratio:.2}");
            }
        }
    }
    targets.within(
        format!("{database}: p99 at half of the maximum"),
        at_half.percentile(99),
        Duration::from_millis(25),
    );
    for (rate, limit, times) in &visible {
        let what = format!("{database}: acknowledged to visible at {rate}/s, p95");
        targets.within(what, load::percentile(times, 95), *limit);
    }
    targets.print();
    bench.store.close().await;
    Ok(())
}

/// Deliveries a second, for a pace.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive rate far below the limit")]
pub fn whole(rate: f64) -> u32 {
    (rate as u32).max(1)
}

async fn ceiling(plan: &Plan) -> Result<Vec<Measured>, Failure> {
    let server = Server::ceiling(&plan.own).await?;
    let deliveries = Deliveries {
        run: "ceiling".to_owned(),
        address: server.address,
        path: FIRST_CONNECTION,
        topic: Topic::Customers,
        objects: OBJECTS,
    };
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        let pace = Pace::AsFastAsPossible { repeat: true };
        let how = (connections, pace, plan.duration);
        let measured = load::send(server.address, deliveries.requests(WARM_UP), how, |_| ()).await?;
        report::row(&format!("verified only, {connections} connections"), &measured);
        all.push(measured);
    }
    Ok(all)
}
