//! `make bench-peers`: the same signed events to the nearest neighbour and to us, in turn, on the same cluster.

use crate::{
    Failure,
    bench::{Bench, OBJECTS, Plan, Rate, Run, WARM_UP},
    events::{Deliveries, Topic},
    load::{self, Measured, Pace},
    postgres::Cluster,
    product::{Server, Setup},
    report::{self, Targets},
    scenario::whole,
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The peer is measured with each, and its best counts.
const CONNECTIONS: [usize; 3] = [16, 64, 256];
/// The default of its own app.
const DATABASE_CONNECTIONS: u32 = 10;
/// More than the peer takes on a machine of this class.
const MOST_PER_SECOND: usize = 8_000;

/// What the peer did with one topic.
struct Peer {
    topic: Topic,
    /// Connections at which it was fastest.
    connections: usize,
    fastest: Measured,
}

pub async fn run(plan: &Plan) -> Result<(), Failure> {
    let script = script()?;
    let cluster = Cluster::start()?;
    println!("The peer is @supabase/stripe-sync-engine {}, behind fastify, one process, a pool of", version(&script)?);
    println!(
        "{DATABASE_CONNECTIONS} connections, no logging. Its records are written when it answers. Both on one PostgreSQL"
    );
    println!("with fsync and synchronous_commit on, one after the other, in schemas of their own.");
    let mut peers = Vec::new();
    {
        let server = Server::peer(&script, cluster.url(), DATABASE_CONNECTIONS).await?;
        report::heading("The peer");
        for topic in [Topic::Customers, Topic::Subscriptions] {
            peers.push(fastest_of_peer(plan, server.address, topic).await?);
        }
    }
    let mut targets = Targets::default();
    let bench = Bench::start(plan, Setup { database_url: Some(cluster.url()), ..Setup::default() }).await?;
    bench.warm_up().await?;
    report::heading("Patchbay on PostgreSQL");
    for peer in &peers {
        let mut fastest: Option<Run> = None;
        for connections in [64, 256] {
            let name = peer.topic.event_type();
            let run = bench.fastest(&format!("u{connections}{}", peer.topic.kind()), peer.topic, connections).await?;
            report::row(&format!("{name}, {connections} connections"), &run.answered);
            println!("| … written | {:.0} | | | | |", run.written_per_second());
            if fastest.as_ref().is_none_or(|best| best.answered.per_second() < run.answered.per_second()) {
                fastest = Some(run);
            }
        }
        let rate = Rate { connections: peer.connections, per_second: whole(peer.fastest.per_second()) };
        let at_its_rate = bench.at_rate(&format!("r{}", peer.topic.kind()), peer.topic, rate).await?;
        let name = peer.topic.event_type();
        let Rate { connections, per_second } = rate;
        report::row(&format!("{name}, the peer's rate ({per_second}/s), {connections} connections"), &at_its_rate);
        if let Some(fastest) = fastest {
            compare(&mut targets, peer, &fastest, &at_its_rate);
        }
    }
    targets.print();
    bench.store.close().await;
    Ok(())
}

fn compare(targets: &mut Targets, peer: &Peer, ours: &Run, at_its_rate: &Measured) {
    let name = peer.topic.event_type();
    let theirs = peer.fastest.per_second();
    targets.at_least(format!("{name}: acknowledged, times the peer's"), ours.answered.per_second() / theirs, 15.0);
    targets.at_least(format!("{name}: written, times the peer's"), ours.written_per_second() / theirs, 5.0);
    let share = at_its_rate.p99_seconds() / peer.fastest.p99_seconds();
    targets.at_most(format!("{name}: p99 at the peer's maximum, of the peer's"), share, 0.1);
}

async fn fastest_of_peer(plan: &Plan, address: SocketAddr, topic: Topic) -> Result<Peer, Failure> {
    let seconds = usize::try_from(plan.duration.as_secs()).unwrap_or(1);
    let send = async |run: String, connections: usize, count: usize| -> Result<Measured, Failure> {
        let deliveries = Deliveries { run, address, path: "/webhooks", topic, objects: OBJECTS };
        let how = (connections, Pace::AsFastAsPossible { repeat: false }, plan.duration);
        Ok(load::send(address, deliveries.requests(count), how, |_| ()).await?)
    };
    send(format!("warm{}", topic.kind()), 64, WARM_UP).await?;
    let nothing = Measured { elapsed: plan.duration, ..Measured::default() };
    let mut peer = Peer { topic, connections: 0, fastest: nothing };
    for connections in CONNECTIONS {
        let run = format!("p{connections}{}", topic.kind());
        let measured = send(run, connections, MOST_PER_SECOND * seconds).await?;
        report::row(&format!("{}, {connections} connections", topic.event_type()), &measured);
        if measured.per_second() > peer.fastest.per_second() {
            peer = Peer { topic, connections, fastest: measured };
        }
    }
    if peer.fastest.accepted == 0 {
        return Err("the peer takes no event".into());
    }
    Ok(peer)
}

fn script() -> Result<PathBuf, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    if !folder.join("node_modules").is_dir() {
        return Err(format!("the packages of {} are not installed: make bench-peers does it", folder.display()).into());
    }
    Ok(folder.join("server.cjs"))
}

fn version(script: &Path) -> Result<String, Failure> {
    let package = script.with_file_name("node_modules").join("@supabase/stripe-sync-engine/package.json");
    let package: serde_json::Value = serde_json::from_slice(&std::fs::read(package)?)?;
    Ok(package["version"].as_str().unwrap_or("of unknown version").to_owned())
}
