//! `patchbay events`: look at what arrived, and put it back in line.

use super::{
    Failure,
    audit::{self, Done},
};
use crate::{config::Config, output, runtime};
use clap::{Args, Subcommand};
use patchbay_domain::event::EventState;
use patchbay_store::{EventFilter, EventSummary, PageRequest, Store};
use serde_json::json;
use std::process::ExitCode;
use uuid::Uuid;

#[derive(Subcommand)]
pub enum EventsCommand {
    /// List events, newest first.
    List {
        #[command(flatten)]
        filter: FilterArguments,
        /// Rows of a page, 1 to 500.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Cursor that the page before printed.
        #[arg(long)]
        after: Option<String>,
        /// One JSON value per event.
        #[arg(long)]
        json: bool,
    },
    /// Show one event with its payload, headers and attempts.
    Show {
        /// Our id, or the provider's (evt_…).
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Put events back in line. Without --yes it only says what it would do.
    Replay {
        /// Our ids, or the provider's. Left out, the filter chooses.
        ids: Vec<String>,
        #[command(flatten)]
        filter: FilterArguments,
        /// Do it.
        #[arg(long)]
        yes: bool,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct FilterArguments {
    /// Connection, such as `stripe`.
    #[arg(long)]
    connection: Option<String>,
    /// Event type, such as `invoice.paid`, or a beginning with a star: `invoice.*`.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// pending, processed, skipped or dead.
    #[arg(long, value_parser = parse_state)]
    state: Option<EventState>,
    /// Id of the object it is about, such as `sub_…`.
    #[arg(long)]
    object: Option<String>,
    /// Text in the payload.
    #[arg(long)]
    text: Option<String>,
}

fn parse_state(text: &str) -> Result<EventState, String> {
    EventState::parse(text).ok_or_else(|| "use pending, processed, skipped or dead".to_owned())
}

impl FilterArguments {
    fn filter(&self) -> EventFilter {
        EventFilter {
            connection: self.connection.clone(),
            event_type: self.event_type.clone(),
            state: self.state,
            object_id: self.object.clone(),
            text: self.text.clone(),
            ..EventFilter::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.connection.is_none()
            && self.event_type.is_none()
            && self.state.is_none()
            && self.object.is_none()
            && self.text.is_none()
    }
}

pub async fn run(config: &Config, command: EventsCommand) -> Result<ExitCode, Failure> {
    let store = runtime::open_store_to_look(config).await?;
    match command {
        EventsCommand::List { filter, limit, after, json } => {
            list(&store, &filter.filter(), limit, after, json).await?;
        }
        EventsCommand::Show { id, json } => show(&store, &id, json).await?,
        EventsCommand::Replay { ids, filter, yes, json } => replay(&store, &ids, &filter, yes, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(
    store: &Store,
    filter: &EventFilter,
    limit: u32,
    after: Option<String>,
    as_json: bool,
) -> Result<(), Failure> {
    let page = store.list_events(filter, &PageRequest { after, before: None, limit }).await?;
    for event in &page.items {
        if as_json {
            output::json(&as_value(event))?;
        } else {
            let state = event.state.as_str();
            output::line(format_args!(
                "{}  {}  {state:<9}  {:<40}  {}",
                event.received_at, event.id, event.event_type, event.external_id
            ));
        }
    }
    if let Some(next) = page.next {
        output::note(format_args!("More: --after {next}"));
    }
    Ok(())
}

fn as_value(event: &EventSummary) -> serde_json::Value {
    json!({
        "id": event.id, "external_id": event.external_id, "connection": event.connection, "type": event.event_type,
        "state": event.state, "received_at": event.received_at.rfc3339(), "occurred_at": event.occurred_at.rfc3339(),
        "object": event.object.as_ref().map(|object| &object.id), "attempts": event.attempts,
    })
}

async fn show(store: &Store, id: &str, as_json: bool) -> Result<(), Failure> {
    let id = find(store, id).await?;
    let event = store.event(id).await?.ok_or("the event is gone")?;
    let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap_or(serde_json::Value::Null);
    if as_json {
        let mut value = as_value(&event.summary);
        value["body"] = body;
        value["headers"] = json!(event.headers);
        return output::json(&value);
    }
    let summary = &event.summary;
    output::line(format_args!("{}  {}  {}", summary.external_id, summary.event_type, summary.state.as_str()));
    output::line(format_args!(
        "received {}, connection {}, {} attempts",
        summary.received_at, summary.connection, summary.attempts
    ));
    for attempt in &event.attempts {
        output::line(format_args!(
            "attempt {}: {} {}",
            attempt.started_at,
            attempt.outcome,
            attempt.error.as_deref().unwrap_or("")
        ));
    }
    output::line(format_args!("{}", serde_json::to_string_pretty(&body)?));
    Ok(())
}

async fn replay(
    store: &Store,
    ids: &[String],
    filter: &FilterArguments,
    yes: bool,
    as_json: bool,
) -> Result<(), Failure> {
    if ids.is_empty() && filter.is_empty() {
        return Err("name ids, or choose with --type, --state, --connection, --object or --text".into());
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.push(find(store, id).await?);
    }
    let filter = filter.filter();
    if !yes {
        let count =
            if ids.is_empty() { store.replay_preview(&filter).await?.count } else { i64::try_from(found.len())? };
        output::line(format_args!("{count} events would be worked on again. Add --yes to do it."));
        return Ok(());
    }
    let count = if ids.is_empty() {
        store.replay_filter(&filter, patchbay_engine::REPLAY_LIMIT).await?
    } else {
        store.replay_events(&found).await?
    };
    let chosen = match found.as_slice() {
        [] => "filter".to_owned(),
        [first, ..] => first.to_string(),
    };
    let mut after = json!({ "events": count });
    if found.is_empty() {
        after["filter"] = format!("{filter:?}").into();
    }
    let done = Done { action: "events.replay", target_kind: "event", target_id: &chosen, after, error: None };
    audit::tell(store, done).await?;
    if as_json {
        return output::json(&json!({ "replayed": count }));
    }
    output::line(format_args!("{count} events are back in line; a running worker takes them at once."));
    Ok(())
}

async fn find(store: &Store, id: &str) -> Result<Uuid, Failure> {
    if let Ok(id) = Uuid::parse_str(id) {
        return Ok(id);
    }
    let events = store.event_by_external(id).await?;
    let event = events.first().ok_or_else(|| format!("there is no event {id}"))?;
    Ok(event.id)
}
