//! Keeps the marked regions of a page current, and announces what would move the reader's place.

use super::dom::{self, Refresh};
use leptos::{ev, prelude::*, task::spawn_local};
use send_wrapper::SendWrapper;
use std::time::Duration;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource};

/// Messages that arrive together cause one refresh.
const DEBOUNCE: Duration = Duration::from_millis(300);
const RETRY: Duration = Duration::from_secs(5);
/// A server that goes on refusing is asked less and less often, down to this.
const LONGEST_RETRY: Duration = Duration::from_secs(80);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Before the first connection, and without WASM for ever.
    Unknown,
    Live,
    Lost,
}

/// Listens to `/live?topics=…`. Each message means: something of a topic changed.
#[island]
pub fn LiveRegion(topics: String) -> impl IntoView {
    let live = Live {
        link: RwSignal::new(Link::Unknown),
        news: RwSignal::new(0),
        scheduled: StoredValue::new(false),
        missed: StoredValue::new(true),
        stream: StoredValue::new(None),
        pause: StoredValue::new(RETRY),
        topics: StoredValue::new(topics),
    };
    Effect::new(move |_| {
        live.open();
        let visibility = window_event_listener(ev::visibilitychange, move |_| live.follow_visibility());
        on_cleanup(move || {
            visibility.remove();
            live.close();
        });
    });

    let status = move || match live.link.get() {
        Link::Unknown => "",
        Link::Live => "Live",
        Link::Lost => "Reconnecting",
    };
    let dot = move || match live.link.get() {
        Link::Unknown => "invisible",
        Link::Live => "bg-good-mark",
        Link::Lost => "bg-warn-mark animate-pulse",
    };
    view! {
        <span class="flex items-center gap-1.5 text-xs text-ink-soft">
            <span class=move || format!("size-2 rounded-full {}", dot()) aria-hidden="true"></span>
            <span class="max-xl:sr-only" role="status">{status}</span>
        </span>
        <span class="live-announce" role="status">
            <button
                type="button"
                id="live-announce"
                hidden=move || live.news.get() == 0
                on:click=move |_| live.refresh(true)
            >
                {move || format!("{} new", live.news.get())}
                " — show"
            </button>
        </span>
    }
}

#[derive(Clone, Copy)]
struct Live {
    link: RwSignal<Link>,
    news: RwSignal<u32>,
    /// Whether a refresh is about to run.
    scheduled: StoredValue<bool>,
    /// Whether news may have been missed: since the server drew the page, or while there was no connection.
    missed: StoredValue<bool>,
    /// The wrapper is made in the browser only: on the server, whose threads share a page's work, it would panic.
    stream: StoredValue<Option<SendWrapper<Stream>>>,
    /// Until the server is asked again after it refused.
    pause: StoredValue<Duration>,
    topics: StoredValue<String>,
}

/// An open connection with its callbacks; dropping it closes both.
struct Stream {
    source: EventSource,
    _callbacks: [Closure<dyn FnMut(Event)>; 3],
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}

impl Live {
    fn open(self) {
        let topics = self.topics.with_value(|topics| String::from(js_sys::encode_uri_component(topics)));
        let Ok(source) = EventSource::new(&format!("/live?topics={topics}")) else { return };
        let opened = Closure::<dyn FnMut(Event)>::new(move |_| self.connected());
        let message = Closure::<dyn FnMut(Event)>::new(move |_| self.message());
        let failed = Closure::<dyn FnMut(Event)>::new(move |_| self.failed());
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onmessage(Some(message.as_ref().unchecked_ref()));
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        self.stream.set_value(Some(SendWrapper::new(Stream { source, _callbacks: [opened, message, failed] })));
    }

    fn close(self) {
        self.stream.try_update_value(|stream| *stream = None);
    }

    fn connected(self) {
        self.link.set(Link::Live);
        self.pause.set_value(RETRY);
        if self.missed.get_value() {
            self.missed.set_value(false);
            self.schedule(DEBOUNCE);
        }
    }

    fn message(self) {
        self.schedule(DEBOUNCE);
    }

    fn failed(self) {
        self.link.set(Link::Lost);
        self.missed.set_value(true);
        // The browser reconnects by itself unless the server refused it outright.
        let refused = self.stream.with_value(|stream| {
            stream.as_ref().is_some_and(|stream| stream.source.ready_state() == EventSource::CLOSED)
        });
        if refused {
            let pause = self.pause.get_value();
            self.pause.set_value((pause * 2).min(LONGEST_RETRY));
            set_timeout(
                move || {
                    if !document().hidden() {
                        self.open();
                        // Says whether it was the sign-in that was refused.
                        self.schedule(DEBOUNCE);
                    }
                },
                pause,
            );
        }
    }

    /// Browsers allow few connections to one server: a page nobody sees gives its own back.
    fn follow_visibility(self) {
        if document().hidden() {
            self.missed.set_value(true);
            self.close();
        } else {
            self.open();
        }
    }

    fn schedule(self, delay: Duration) {
        if self.scheduled.get_value() {
            return;
        }
        self.scheduled.set_value(true);
        set_timeout(
            move || {
                self.scheduled.set_value(false);
                self.refresh(false);
            },
            delay,
        );
    }

    fn refresh(self, announced: bool) {
        spawn_local(async move {
            match dom::refresh(announced).await {
                Refresh::Done(news) => self.news.set(news),
                // What could not be read now is read later: no other news may come.
                Refresh::Busy | Refresh::Failed => self.schedule(RETRY),
            }
        });
    }
}
