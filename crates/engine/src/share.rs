//! News between processes: what one worked on refreshes the pages that another one serves.
//!
//! Through `PostgreSQL`'s NOTIFY, gathered for a moment, so that thousands of events a second become a few notices. With
//! `SQLite` there is nobody to tell: it is made for one process.

use crate::{
    live::{Bus, LiveMessage},
    supervise,
};
use patchbay_domain::RecordRef;
use patchbay_store::{LONGEST_NOTICE, Store};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc};

/// News that may wait to be shared; what is too much becomes "look at everything again".
pub(crate) const WAITING: usize = 1_024;
/// How long news is gathered.
const GATHER: Duration = Duration::from_millis(100);
/// Different pieces of news in one gathering; beyond it others look at everything again.
const MOST: usize = 64;
/// After everybody was told to look at everything again.
const REST: Duration = Duration::from_secs(1);
/// After the database failed.
const PAUSE: Duration = Duration::from_secs(2);

/// One piece of news on its way. Its text stays behind: it may name people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Shared {
    topic: String,
    id: String,
    owner: Option<RecordRef>,
}

#[derive(Serialize, Deserialize)]
struct Notice {
    /// The process that sent it, which knows already.
    from: String,
    news: Vec<Shared>,
}

pub(crate) fn spawn(store: Store, bus: Bus, own: String, news: mpsc::Receiver<LiveMessage>) {
    let news = Arc::new(Mutex::new(news));
    let is_over = {
        let news = news.clone();
        move || news.try_lock().is_ok_and(|news| news.is_closed())
    };
    let send = {
        let (store, own) = (store.clone(), own.clone());
        move || send(store.clone(), own.clone(), news.clone())
    };
    supervise::spawn("news to others", send, is_over);
    supervise::spawn("news from others", move || listen(store.clone(), bus.clone(), own.clone()), || false);
}

async fn send(store: Store, own: String, receiver: Arc<Mutex<mpsc::Receiver<LiveMessage>>>) {
    let mut receiver = receiver.lock().await;
    let mut gathered = Vec::new();
    while receiver.recv_many(&mut gathered, WAITING).await > 0 {
        tokio::time::sleep(GATHER).await;
        while let Ok(more) = receiver.try_recv() {
            gathered.push(more);
        }
        let many = gathered.len() >= WAITING;
        let news: BTreeSet<Shared> =
            gathered.drain(..).map(|LiveMessage { topic, id, owner, .. }| Shared { topic, id, owner }).collect();
        let too_many = many || news.len() > MOST;
        let news = if too_many { vec![everything()] } else { news.into_iter().collect() };
        for notice in notices(&own, &news) {
            if let Err(error) = store.notify(&notice).await {
                tracing::debug!(%error, "other processes were not told the news");
            }
        }
        if too_many {
            tokio::time::sleep(REST).await;
        }
    }
}

fn everything() -> Shared {
    Shared { topic: LiveMessage::RELOAD.to_owned(), id: String::new(), owner: None }
}

/// As few notices as hold the news.
fn notices(own: &str, news: &[Shared]) -> Vec<String> {
    let text = serde_json::to_string(&Notice { from: own.to_owned(), news: news.to_vec() }).unwrap_or_default();
    if text.len() <= LONGEST_NOTICE {
        return vec![text];
    }
    if news.len() <= 1 {
        // One piece alone is never that long, unless an id is: then others look at everything again.
        return notices(own, &[everything()]);
    }
    let (first, second) = news.split_at(news.len() / 2);
    [notices(own, first), notices(own, second)].concat()
}

async fn listen(store: Store, bus: Bus, own: String) {
    loop {
        let mut notices = match store.notices().await {
            Ok(Some(notices)) => notices,
            // There is no way to hear any, as behind a pooler that gives every transaction another connection.
            Ok(None) => return std::future::pending().await,
            Err(error) => {
                tracing::debug!(%error, "news of other processes is not heard");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Whatever happened while nobody listened.
        bus.publish_here(LiveMessage::reload());
        loop {
            match notices.next().await {
                Ok(Some(notice)) => hear(&bus, &own, &notice),
                Ok(None) => bus.publish_here(LiveMessage::reload()),
                Err(_) => break,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn hear(bus: &Bus, own: &str, notice: &str) {
    // Another version of the program may write another form: then pages are a little less fresh.
    let Ok(notice) = serde_json::from_str::<Notice>(notice) else { return };
    if notice.from == own {
        return;
    }
    for Shared { topic, id, owner } in notice.news {
        bus.publish_here(LiveMessage::new(topic, id, "").owned_by(owner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(count: usize, id: &str) -> Vec<Shared> {
        let one = |number| Shared { topic: "events".to_owned(), id: format!("{id}{number}"), owner: None };
        (0..count).map(one).collect()
    }

    fn heard(notices: &[String]) -> usize {
        notices.iter().map(|text| serde_json::from_str::<Notice>(text).unwrap().news.len()).sum()
    }

    #[test]
    fn news_fits_into_as_few_notices_as_possible() {
        assert_eq!(notices("a", &news(3, "evt_")).len(), 1);
        let long = notices("a", &news(MOST, &"x".repeat(300)));
        assert!(long.len() > 1 && long.iter().all(|notice| notice.len() <= LONGEST_NOTICE));
        assert_eq!(heard(&long), MOST);
    }

    #[test]
    fn an_id_too_long_for_a_notice_becomes_a_reload() {
        let notices = notices("a", &news(1, &"x".repeat(LONGEST_NOTICE)));
        assert_eq!(heard(&notices), 1);
        assert!(notices[0].contains(LiveMessage::RELOAD));
    }

    #[test]
    fn news_of_others_is_heard_and_our_own_is_not_heard_twice() {
        let bus = Bus::new(None);
        let mut watcher = bus.watch();
        let notice = notices("a", &news(1, "evt_")).remove(0);
        hear(&bus, "a", &notice);
        hear(&bus, "b", "not a notice");
        assert!(watcher.try_recv().is_err());
        hear(&bus, "b", &notice);
        assert_eq!(watcher.try_recv().unwrap().id, "evt_0");
    }
}
