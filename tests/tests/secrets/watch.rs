use std::error::Error as StdError;
use std::fmt::{Debug, Display, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Record};
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

use crate::support::client::Client;

/// Everything that an operator might get to see, and everything that nobody may.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    shown: String,
    secrets: Vec<String>,
    events: usize,
}

impl Watch {
    /// A watch over these secrets, each long enough not to be there by chance.
    pub(super) fn over_these(secrets: &[&str]) -> Self {
        let watch = Self::default();
        for &secret in secrets {
            watch.keep_secret(secret);
        }
        watch
    }

    /// How many events were logged.
    pub(super) fn events(&self) -> usize {
        self.0.lock().unwrap().events
    }

    pub(super) fn keep_secret(&self, secret: impl Into<String>) {
        self.0.lock().unwrap().secrets.push(secret.into());
    }

    /// The cookie, and the id and the signature in it.
    pub(super) fn keep_cookie(&self, client: &Client) {
        for part in client.value().split('.').chain([client.value()]) {
            self.keep_secret(part);
        }
    }

    pub(super) fn show(&self, text: impl Display) {
        writeln!(self.0.lock().unwrap().shown, "{text}").unwrap();
    }

    /// Takes in what a type shows of itself, in both forms of `Debug`.
    pub(super) fn debug(&self, value: &impl Debug) {
        self.show(format_args!("{value:?} {value:#?}"));
    }

    /// Takes in an error, and every error behind it.
    pub(super) fn error(&self, error: &(dyn StdError + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.show(format_args!("{error} {error:?} {error:#?}"));
            next = error.source();
        }
    }

    /// The secrets that have been shown.
    pub(super) fn leaks(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let is_shown = |secret: &&String| seen.shown.contains(secret.as_str());
        seen.secrets.iter().filter(is_shown).cloned().collect()
    }

    #[track_caller]
    pub(super) fn finds_nothing(&self) {
        let leaks = self.leaks();
        let seen = self.0.lock().unwrap();
        assert!(!seen.secrets.is_empty() && !seen.shown.is_empty());
        assert!(leaks.is_empty(), "{leaks:?} in:\n{}", seen.shown);
    }

    /// Runs what is logged into this watch, at every level and from every crate.
    pub(super) async fn over<T>(&self, scenario: impl Future<Output = T>) -> T {
        let subscriber = Registry::default().with(self.clone());
        scenario.with_subscriber(subscriber).await
    }
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.lock().unwrap().events += 1;
        self.show(event.metadata().target());
        event.record(&mut Fields(self));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut Fields(self));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Fields(self));
    }
}

struct Fields<'a>(&'a Watch);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.show(format_args!("{field}={value:?}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn StdError + 'static)) {
        self.0.show(field);
        self.0.error(error);
    }
}
