use std::future::Future;

use sqlx::error::DatabaseError;
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool, Row as _, Type};

use super::statements::Statement;
use super::table::Table;

/// In what the databases differ.
///
/// Public in a private module: it can be named in bounds by this crate alone, and nobody else can implement it.
pub trait Dialect: Database {
    /// What stands around an identifier.
    const QUOTE: char;

    /// Whether a connection can hang, and is closed when an answer did not come.
    const IS_REMOTE: bool;

    /// Writes a statement's bound values, each a `?`, in the database's own way.
    fn placeholders(sql: String) -> String {
        sql
    }

    /// Makes the table and an index on its expiry, where they are not there.
    fn migrate(table: &Table) -> Vec<String>;

    /// Removes so many expired sessions at most, by the index, those first that expired first. Binds the time now, once.
    fn sweep(table: &str, batch: u64) -> String;

    /// What an error of the database means.
    fn diagnose(error: &dyn DatabaseError) -> Diagnosis;

    /// Runs a statement and reads its answer to the end.
    fn run(
        connection: &mut Self::Connection,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Answer<Self>, sqlx::Error>> + Send;

    /// The columns of a row that a read gave.
    fn columns(row: &Self::Row) -> Result<Columns<'_>, sqlx::Error>;

    /// The largest record that the server takes, in bytes, if that is known. Asked after it refused one.
    fn largest_record(_pool: &Pool<Self>) -> impl Future<Output = Option<usize>> + Send {
        std::future::ready(None)
    }
}

/// A bound value.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

/// What came of a statement.
pub struct Answer<D: Database> {
    /// How many rows a write has changed.
    pub(super) rows_affected: u64,
    /// The row that a read has found.
    pub(super) row: Option<D::Row>,
}

/// A session's row.
pub struct Columns<'a> {
    pub(super) record: &'a str,
    pub(super) version: i64,
    pub(super) expires_at: i64,
}

/// An error of a database, understood.
pub struct Diagnosis {
    pub(super) fault: Fault,
    /// The database's own name for the error, for logs.
    pub(super) code: String,
    /// Whether its message is about the server or the statement. Others may quote a row, and are not shown.
    pub(super) has_harmless_message: bool,
}

/// What can be done about an error.
#[allow(dead_code, reason = "depends on which databases are built")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A row with this key is there, or whatever was to be made.
    Duplicate,
    /// Nothing was done, since another statement was in the way: the same again may go through.
    Again,
    /// The database file is locked.
    Locked,
    /// The table is not there.
    NoTable,
    /// The user may not do this.
    Denied,
    /// The server takes nothing that large.
    TooLarge,
    /// The connection is of no more use.
    Lost,
    /// Anything else.
    Other,
}

impl Fault {
    /// Whether the connection is as good as before. After an error that nobody foresaw it may lead to a server that
    /// refuses everything, such as a former primary: a new one costs little.
    pub(super) fn leaves_connection(self) -> bool {
        !matches!(self, Self::Lost | Self::TooLarge | Self::Other)
    }
}

/// [`Dialect::run`], the same for every driver. Bounds that a trait cannot imply are met where it is called.
pub(super) async fn run<D>(
    connection: &mut D::Connection,
    statement: &Statement,
    values: &[Value<'_>],
    rows_affected: fn(&D::QueryResult) -> u64,
) -> Result<Answer<D>, sqlx::Error>
where
    D: Database,
    D::Arguments: IntoArguments<D>,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'v> &'v str: Encode<'v, D> + Type<D>,
    for<'v> i64: Encode<'v, D> + Type<D>,
{
    let mut query = sqlx::query::<D>(statement.sql());
    for value in values {
        query = match *value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    if statement.reads() {
        // All rows, though there is one at most: `fetch_optional` would leave the end of the answer unread.
        let mut rows = query.fetch_all(connection).await?;
        Ok(Answer {
            rows_affected: 0,
            row: rows.pop(),
        })
    } else {
        let done = query.execute(connection).await?;
        Ok(Answer {
            rows_affected: rows_affected(&done),
            row: None,
        })
    }
}

/// [`Dialect::columns`], the same for every driver.
pub(super) fn columns<'r, D>(row: &'r D::Row) -> Result<Columns<'r>, sqlx::Error>
where
    D: Database,
    usize: ColumnIndex<D::Row>,
    &'r str: Decode<'r, D> + Type<D>,
    i64: Decode<'r, D> + Type<D>,
{
    Ok(Columns {
        record: row.try_get(0)?,
        version: row.try_get(1)?,
        expires_at: row.try_get(2)?,
    })
}

/// Whether the message of an error in this class of SQLSTATE is about the server or the statement, and quotes no row.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(super) fn is_harmless(sqlstate: &str) -> bool {
    // Connection, transaction state, login, database, schema, rollback, names and rights, resources, object state, operator,
    // system.
    const CLASSES: [&str; 11] = [
        "08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58",
    ];
    sqlstate
        .get(..2)
        .is_some_and(|class| CLASSES.contains(&class))
}
