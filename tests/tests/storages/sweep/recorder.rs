use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

/// Every statement that was run, in the order in which they came to their ends.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Ran>>>);

#[derive(Clone, Default)]
pub(super) struct Ran {
    pub(super) sql: String,
    /// How many rows it has changed.
    pub(super) rows: u64,
}

thread_local! {
    /// Of a thread that is SQLite's.
    static LISTENING: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

impl Recorder {
    /// Listens to what is run by this thread.
    pub(super) fn listen(&self) -> DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self.clone()))
    }

    /// Listens to a connection of SQLite. It has a thread of its own, and in that the handler is run.
    pub(super) async fn listen_to(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let recorder = self.clone();
        let handler = move || {
            LISTENING.set(Some(recorder.listen()));
            true
        };
        connection
            .lock_handle()
            .await?
            .set_progress_handler(1, handler);
        connection.execute("SELECT 1").await?;
        connection.lock_handle().await?.remove_progress_handler();
        Ok(())
    }

    /// What was run so far. SQLite's threads say it a moment after they have answered.
    pub(super) fn ran(&self) -> Vec<Ran> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Ran {
    pub(super) fn is_load(&self) -> bool {
        self.sql.starts_with("SELECT record")
    }

    /// Whether it is a change of a session.
    pub(super) fn is_update(&self) -> bool {
        self.sql.starts_with("UPDATE")
    }

    /// Whether it is a step of a sweep.
    pub(super) fn is_batch(&self) -> bool {
        self.sql.starts_with("DELETE") && self.sql.contains("LIMIT")
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut ran = Ran::default();
            event.record(&mut ran);
            self.0.lock().unwrap().push(ran);
        }
    }
}

impl Visit for Ran {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.statement" {
            value.trim().clone_into(&mut self.sql);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_affected" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
