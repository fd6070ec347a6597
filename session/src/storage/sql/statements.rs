use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::dialect::Dialect;
use super::table::Table;

/// How many sessions a statement of the sweep removes at most: little enough to be over before anyone waits for it.
pub(super) const SWEEP_BATCH: u64 = 1000;

/// What a storage says to its database, built once for a table.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    /// Key, now.
    pub(super) load: Statement,
    /// Key, record, version, expiry.
    pub(super) create: Statement,
    /// Record, expiry, key, seen version, now.
    pub(super) update: Statement,
    /// Expiry, key, now.
    pub(super) touch: Statement,
    /// Key.
    pub(super) delete: Statement,
    /// Key, now.
    pub(super) delete_if_expired: Statement,
    /// Now.
    pub(super) sweep: Statement,
    /// Nothing.
    pub(super) migrate: Vec<Statement>,
}

impl Statements {
    pub(super) fn new<D: Dialect>(table: &Table) -> Self {
        let name = table.quoted(D::QUOTE);
        let read = |sql| Statement::new(D::placeholders(sql), true);
        let write = |sql| Statement::new(D::placeholders(sql), false);
        let write_once = |sql| Statement {
            is_repeatable: false,
            ..write(sql)
        };
        Self {
            load: read(format!(
                "SELECT record, version, expires_at FROM {name} WHERE session_key = ? AND expires_at > ?"
            )),
            create: write(format!(
                "INSERT INTO {name} (session_key, record, version, expires_at) VALUES (?, ?, ?, ?)"
            )),
            update: write_once(format!(
                "UPDATE {name} SET record = ?, version = version + 1, expires_at = ? \
                 WHERE session_key = ? AND version = ? AND expires_at > ?"
            )),
            touch: write(format!(
                "UPDATE {name} SET expires_at = ? WHERE session_key = ? AND expires_at > ?"
            )),
            delete: write(format!("DELETE FROM {name} WHERE session_key = ?")),
            delete_if_expired: write(format!(
                "DELETE FROM {name} WHERE session_key = ? AND expires_at <= ?"
            )),
            sweep: write(D::sweep(&name, SWEEP_BATCH)),
            migrate: D::migrate(table).into_iter().map(write).collect(),
        }
    }
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    sql: SqlStr,
    reads: bool,
    is_repeatable: bool,
}

impl Statement {
    /// Safe to run: the text is put together from what stands in these modules and from the name of a table, which
    /// [`Table`] has checked. All else comes as a bound value.
    fn new(sql: String, reads: bool) -> Self {
        // A clone of an `Arc` costs nothing; a clone of a `String` would be made for each call.
        let sql = AssertSqlSafe(std::sync::Arc::<str>::from(sql)).into_sql_str();
        Self {
            sql,
            reads,
            is_repeatable: true,
        }
    }

    pub(super) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// Whether it can be run again when nobody knows if it was done. An update cannot: it would meet its own version, and
    /// whoever sees a conflict applies its changes once more.
    pub(super) fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// Whether it changes nothing and answers by a row. Others answer by a number of rows.
    pub(super) fn reads(&self) -> bool {
        self.reads
    }
}
