use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use crate::error::StorageError;
use crate::expiry::{Clock, SystemClock, to_unix};
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::name::InvalidName;
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded};

mod failure;
mod item;
mod names;
mod table;

use self::failure::failure;
use self::item::{number, text};
use self::names::{Names, VERSION};

/// Sessions in DynamoDB: for any number of machines, and none of yours to keep.
///
/// You hand over a [`Client`] of the AWS SDK, with the HTTP client, the credentials and the retries that it has: this storage brings
/// neither TLS nor an HTTP client of its own. To have one the application depends on `aws-config` and `aws-sdk-dynamodb`, both with their
/// default features.
///
/// # What is stored
///
/// An item a session, of four attributes whatever the session holds:
///
/// | attribute | type | what |
/// |---|---|---|
/// | `_idx` | `S` | partition key: the [`StorageKey`], 64 hex characters |
/// | `_ttl` | `N` | when it expires, in seconds since the Unix epoch; the table's TTL attribute |
/// | `version` | `N` | a random number, another one after each write |
/// | `record` | `S` | the [`Record`] as JSON, byte for byte: what a session's keys are called cannot touch the others |
///
/// `_idx` and `_ttl` are those of Architect's tables, and can be [called otherwise](Self::attributes). To look at one:
///
/// ```text
/// $ aws dynamodb scan --table-name sessions --max-items 1 --query Items
/// [{
///     "_idx": {"S": "9f2c…e1"},
///     "_ttl": {"N": "1790604800"},
///     "version": {"N": "6563019486214770439"},
///     "record": {"S": "{\"format\":1,\"created_at\":1790000000,\"values\":{\"theme\":\"dark\"}}"}
/// }]
/// ```
///
/// Its role may `GetItem`, `PutItem`, `UpdateItem` and `DeleteItem`, and for [`check`](Self::check) `DescribeTable` and
/// `DescribeTimeToLive`.
///
/// DynamoDB deletes an expired item some time later, within days. Until then it is there, and never reads: its deadline is compared
/// on each call, by [this storage's clock](Self::clock).
///
/// # What each verb sends
///
/// One request each, without a transaction. An item is about 150 bytes larger than its record; the sizes are those of the bodies.
///
/// | verb | request | what it takes |
/// |---|---|---|
/// | load | `GetItem`, strongly consistent: under 400 bytes, and the answer is the item | a read unit for each 4 KB of the item |
/// | create, update | `PutItem` on a condition: the record as a JSON string and under 600 bytes; if the condition is not met, the answer is the item that is there | a write unit for each KB of the larger one, the old item or the new |
/// | touch | `UpdateItem` on a condition, without the record: under 400 bytes | a write unit for each KB of the item: DynamoDB counts all of it |
/// | delete | `DeleteItem`: under 400 bytes | a write unit for each KB of the item |
///
/// A condition that is not met takes write units, too, and no read units. A key and a record together are at most 400 KB, which is what
/// DynamoDB takes of an item; a larger one is [`StorageError::TooLarge`], and is not sent.
///
/// The SDK sends a request again by itself when the connection breaks, the service fails or throttles (three tries in all, unless the
/// client says otherwise). A write that comes a second time recognizes by its random version what the first one has done.
///
/// # Errors
///
/// A service that throttles (`ProvisionedThroughputExceededException`, `ThrottlingException`, `RequestLimitExceeded`) after the last
/// try, refuses, or does not answer in time is [`StorageError::Unavailable`], a 503, with the service's code. A condition that is not
/// met is none of these: it is the outcome of the verb. An item that is no session is [`StorageError::Corrupt`]. No error shows a
/// key, a record or what the service was sent.
///
/// At the level TRACE the SDK itself logs what it sends and receives, records among it: leave `aws_smithy_runtime` and `aws_sigv4` at
/// DEBUG.
///
/// # What it cannot promise
///
/// On a global table the last write wins when two Regions write one session at once, a log-out among them, unless the table is one of
/// multi-Region strong consistency. Let one Region serve a session.
///
/// # Default
///
/// The table `sessions`, the attributes `_idx` and `_ttl`, five seconds for a call with all of the SDK's tries, and the operating
/// system's clock.
///
/// # Example
///
/// ```no_run
/// use aws_sdk_dynamodb::{Client, Config};
/// use session::{DynamoDbStorage, KeyRing, SessionCookie, SessionLayer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = Config::builder().build();
/// // As `aws-config` finds it: `let client = Client::new(&aws_config::load_from_env().await);`
/// let client = Client::from_conf(config);
/// let storage = DynamoDbStorage::new(client).table("shop-sessions")?;
/// storage.check().await?; // what is wrong shows at the start
/// let cookie = SessionCookie::new("__Host-session", KeyRing::from_env("SESSION_SECRET")?);
/// let layer = SessionLayer::new(cookie, storage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynamoDbStorage {
    client: Client,
    names: Arc<Names>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl DynamoDbStorage {
    /// Sessions by a client of yours. Nothing is sent: [`check`](Self::check) sees whether the table is there.
    ///
    /// Give its tries a time each that is shorter than [`timeout`](Self::timeout) (`TimeoutConfig::operation_attempt_timeout`), so that
    /// one without an answer is made again.
    ///
    /// # Example
    ///
    /// ```
    /// use aws_sdk_dynamodb::{Client, Config};
    /// use session::DynamoDbStorage;
    ///
    /// let client = Client::from_conf(Config::builder().build());
    /// let storage = DynamoDbStorage::new(client);
    /// assert!(format!("{storage:?}").starts_with(r#"DynamoDbStorage { table: "sessions", key: "_idx", ttl: "_ttl""#));
    /// ```
    pub fn new(client: Client) -> Self {
        Self {
            client,
            names: Arc::default(),
            timeout: DEFAULT_TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the table, by its name or its ARN.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when it is neither: a name has 3 to 255 letters, digits, `_`, `-` and `.`.
    pub fn table(mut self, name: impl Into<String>) -> Result<Self, InvalidName> {
        self.names = Arc::new(self.names.with_table(name.into())?);
        Ok(self)
    }

    /// Sets what the partition key, a string, and the TTL attribute, a number, are called.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when one is empty or longer than 255 bytes, when both are the same, or one is `version` or `record`, which are
    /// taken.
    ///
    /// # Example
    ///
    /// ```
    /// # use aws_sdk_dynamodb::{Client, Config};
    /// # use session::DynamoDbStorage;
    /// # let client = Client::from_conf(Config::builder().build());
    /// let storage = DynamoDbStorage::new(client);
    /// assert!(storage.clone().attributes("id", "expires").is_ok());
    /// assert!(storage.attributes("id", "record").is_err());
    /// ```
    pub fn attributes(
        mut self,
        key: impl Into<String>,
        ttl: impl Into<String>,
    ) -> Result<Self, InvalidName> {
        self.names = Arc::new(self.names.with_attributes(key.into(), ttl.into())?);
        Ok(self)
    }

    /// Sets how long a call may take, with all tries of the SDK, before it is an error. A write that is given up may still be
    /// carried out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the clock by which sessions expire. DynamoDB's own clock only says when it deletes them.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send,
    ) -> Result<T, StorageError> {
        bounded(self.timeout, boxed(call)).await
    }

    /// Where the client looks for the table.
    pub(super) fn region(&self) -> Option<String> {
        self.client.config().region().map(ToString::to_string)
    }

    fn now(&self) -> u64 {
        to_unix(self.clock.now())
    }

    /// Puts an item where a condition holds. Names and values of the condition are those that an expression can name:
    /// `#key`, `#ttl` and `:now`, and `#version` and `:seen` when it is about a version.
    async fn put(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
        seen_version: Option<u64>,
    ) -> Result<Put, StorageError> {
        let version = getrandom::u64().map_err(StorageError::unavailable)?;
        let now = self.now();
        let record = record.to_json();
        self.names.check_size(&record)?;
        let item = self.names.item(key, record, version, expires_at);
        let request = self
            .client
            .put_item()
            .table_name(&self.names.table)
            .set_item(Some(item))
            .expression_attribute_names("#ttl", &self.names.ttl)
            .expression_attribute_values(":now", number(now))
            // Says what is in the way without another request.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match seen_version {
            // What has expired and is not deleted yet makes room.
            None => request
                .expression_attribute_names("#key", &self.names.key)
                .condition_expression("attribute_not_exists(#key) OR #ttl <= :now"),
            Some(seen) => request
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":seen", number(seen))
                .condition_expression("#version = :seen AND #ttl > :now"),
        };
        self.bounded(async {
            let Err(error) = request.send().await else {
                return Ok(Put::Done { version });
            };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(match refused.item() {
                        // This very call has put it, in a try whose answer was lost.
                        Some(item) if item::version(item) == Some(version) => Put::Done { version },
                        Some(item) if !self.names.has_expired(item, now) => Put::InTheWay,
                        _ => Put::NotThere,
                    })
                }
                _ => Err(failure(&error)),
            }
        })
        .await
    }
}

/// Without its type: the SDK's futures nest so deep that the compiler gives up on an application that awaits them.
fn boxed<'a, T>(
    call: impl Future<Output = T> + Send + 'a,
) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(call)
}

/// What came of putting an item.
enum Put {
    Done {
        version: u64,
    },
    /// Another item is there.
    InTheWay,
    /// There is none, or it has expired.
    NotThere,
}

impl fmt::Debug for DynamoDbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStorage")
            .field("table", &self.names.table)
            .field("key", &self.names.key)
            .field("ttl", &self.names.ttl)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Backend for DynamoDbStorage {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.table)
            .key(&self.names.key, text(key))
            .consistent_read(true);
        let found = self
            .bounded(async { request.send().await.map_err(|error| failure(&error)) })
            .await?;
        match found.item {
            Some(item) => self.names.loaded(&item, self.now()),
            None => Ok(None),
        }
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        Ok(match self.put(key, record, expires_at, None).await? {
            Put::Done { version } => Created::Done { version },
            Put::InTheWay | Put::NotThere => Created::Taken,
        })
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let put = self.put(key, record, expires_at, Some(seen_version));
        Ok(match put.await? {
            Put::Done { version } => Updated::Done { version },
            Put::InTheWay => Updated::Conflict,
            Put::NotThere => Updated::Gone,
        })
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.names.table)
            .key(&self.names.key, text(key))
            .update_expression("SET #ttl = :ttl")
            // An item that is not there has none.
            .condition_expression("#ttl > :now")
            .expression_attribute_names("#ttl", &self.names.ttl)
            .expression_attribute_values(":ttl", number(to_unix(expires_at)))
            .expression_attribute_values(":now", number(self.now()));
        self.bounded(async {
            match request.send().await {
                Ok(_) => Ok(Touched::Done),
                Err(SdkError::ServiceError(error))
                    if error.err().is_conditional_check_failed_exception() =>
                {
                    Ok(Touched::Gone)
                }
                Err(error) => Err(failure(&error)),
            }
        })
        .await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.names.table)
            .key(&self.names.key, text(key));
        self.bounded(async { request.send().await.map_err(|error| failure(&error)) })
            .await?;
        Ok(())
    }
}
