//! DynamoDB on this computer: a server that speaks as it does, and plain HTTP to it.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Builder, Credentials, HttpClient, Region, RuntimeComponents};
use aws_sdk_dynamodb::error::{BoxError, ConnectorError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use session::DynamoDbStorage;
use session::storage::FromUrlError;

/// The table that a server begins with.
pub const TABLE: &str = "sessions";

/// Makes the table, where it is not there.
///
/// # Errors
///
/// That of the database.
pub fn make_table(database: &Database) -> Result<(), Box<dyn Error>> {
    if database.table_count()? > 0 {
        return Ok(());
    }
    database.create_table(serde_json::from_value(json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "_idx", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "_idx", "KeyType": "HASH"}],
    }))?)?;
    database.update_time_to_live(serde_json::from_value(json!({
        "TableName": TABLE,
        "TimeToLiveSpecification": {"AttributeName": "_ttl", "Enabled": true},
    }))?)?;
    Ok(())
}

/// What names the table of a server on a port.
pub fn url(port: u16) -> String {
    format!("dynamodb://{TABLE}?endpoint=http://127.0.0.1:{port}")
}

/// The storage that a URL names, over this wire. It is not checked.
///
/// # Errors
///
/// As `DynamoDbStorage::from_url`.
pub fn storage(url: &str, wire: Wire) -> Result<DynamoDbStorage, FromUrlError> {
    DynamoDbStorage::from_url(url, config(wire))
}

/// The configuration of a client that sends over this wire, and again at once.
pub fn config(wire: Wire) -> Builder {
    Builder::new()
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .http_client(wire)
}

/// Plain HTTP for the AWS SDK. Its clones share what they count.
#[derive(Clone)]
pub struct Wire {
    client: Client<Tcp, Full<Cursor<Vec<u8>>>>,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    /// How often each operation was sent.
    sent: BTreeMap<String, u64>,
    /// What the last request said, as JSON.
    last: Vec<u8>,
    /// The errors that the next requests are answered by, and do not arrive.
    refusals: VecDeque<&'static str>,
    /// The same, of all requests of an operation.
    refused: Option<(&'static str, &'static str)>,
}

impl Wire {
    /// How often each operation was sent so far, each try by itself.
    pub fn sent(&self) -> BTreeMap<String, u64> {
        self.log().sent.clone()
    }

    /// What the last request said, as JSON.
    pub fn last(&self) -> Vec<u8> {
        self.log().last.clone()
    }

    /// Answers the next requests by errors with these codes, and none after them.
    pub fn refuse(&self, codes: impl IntoIterator<Item = &'static str>) {
        self.log().refusals = codes.into_iter().collect();
    }

    /// Answers an operation by errors with this code.
    pub fn refuse_operation(&self, operation: &'static str, code: &'static str) {
        self.log().refused = Some((operation, code));
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request; the error that answers it, if it is not to arrive.
    fn count(&self, request: &HttpRequest) -> Option<&'static str> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let mut log = self.log();
        *log.sent.entry(operation.to_owned()).or_default() += 1;
        log.last = request.body().bytes().unwrap_or_default().to_vec();
        let refused = log.refused.filter(|&(refused, _)| refused == operation);
        log.refusals.pop_front().or(refused.map(|(_, code)| code))
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, BoxError> {
        let (head, body) = request.try_into_http1x()?.into_parts();
        let body = body.bytes().unwrap_or_default().to_vec();
        let request = http::Request::from_parts(head, Full::new(Cursor::new(body)));
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let response = http::Response::from_parts(head, body);
        Ok(response.map(Into::into).try_into()?)
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            log: Arc::default(),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(code) = self.count(&request) {
            let quote = request.body().bytes().unwrap_or_default();
            let answer = refusal(code, &String::from_utf8_lossy(quote));
            return HttpConnectorFuture::ready(answer.map_err(ConnectorError::user));
        }
        let answer = self.clone().send(request);
        HttpConnectorFuture::new(async { answer.await.map_err(ConnectorError::io) })
    }
}

/// An error that quotes what was sent.
fn refusal(code: &str, sent: &str) -> Result<HttpResponse, BoxError> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let body = json!({"__type": kind, "message": sent});
    let response = http::Response::builder().status(400);
    let response = response.body(body.to_string())?;
    Ok(response.map(Into::into).try_into()?)
}
