//! `patchbay inbox`: deliveries that were acknowledged and could not be filed.

use super::{
    Failure,
    audit::{self, Done},
};
use crate::{config::Config, output, runtime};
use clap::Subcommand;
use patchbay_store::FramePlace;
use serde_json::json;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum InboxCommand {
    /// List what was set aside, with the reason.
    List {
        /// One JSON value per line.
        #[arg(long)]
        json: bool,
    },
    /// Put everything that was set aside back in line. Without --yes it only says what it would do.
    Retry {
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(config: &Config, command: InboxCommand) -> Result<ExitCode, Failure> {
    let store = runtime::open_store_to_look(config).await?;
    let journal = runtime::open_journal(config, &store).await?;
    let aside = store.frames_aside(&journal).await?;
    match command {
        InboxCommand::List { json: as_json } => {
            for frame in &aside {
                let key = &frame.key;
                let place = match &key.place {
                    FramePlace::Database => "database",
                    FramePlace::Journal(_) => "local file",
                };
                let deliveries = store.deliveries_of(&journal, key).await?;
                let (at, why) = (frame.received_at, &frame.why);
                if as_json {
                    let ids: Vec<&str> = deliveries.iter().map(|event| event.envelope.external_id.as_str()).collect();
                    output::json(&json!({
                        "place": place, "frame": key.seq, "connection": key.connection, "deliveries": frame.events,
                        "ids": ids, "received_at": at.rfc3339(), "why": why,
                    }))?;
                } else {
                    let what = match deliveries.as_slice() {
                        [one] => format!("{} {}", one.envelope.event_type, one.envelope.external_id),
                        _ => format!("{} deliveries", frame.events),
                    };
                    output::line(format_args!("{place} {}  {}  {at}  {what}: {why}", key.seq, key.connection));
                }
            }
            if aside.is_empty() && !as_json {
                output::line(format_args!("Nothing is set aside."));
            }
        }
        InboxCommand::Retry { yes } => {
            let events: i64 = aside.iter().map(|frame| frame.events).sum();
            if yes {
                let events = store.file_again(&journal).await?;
                let done = Done {
                    action: "inbox.retry",
                    target_kind: "inbox",
                    target_id: "",
                    after: json!({ "deliveries": events }),
                    error: None,
                };
                audit::tell(&store, done).await?;
                output::line(format_args!(
                    "{events} deliveries are back in line; a running server files them within seconds."
                ));
            } else {
                output::line(format_args!("{events} deliveries would be filed again. Add --yes to do it."));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
