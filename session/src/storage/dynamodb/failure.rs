use std::error::Error;
use std::{fmt, iter};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::StorageError;

/// The service takes no more at the moment.
const THROTTLED: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
];
/// Whose messages name roles and tables, and never what was sent.
const HARMLESS: [&str; 2] = ["AccessDeniedException", "UnrecognizedClientException"];
const NO_HTTP_CLIENT: &str = "the AWS SDK has no HTTP client: switch on the feature `default-https-client` of the crate \
                              `aws-sdk-dynamodb`, or hand over a client that has one (`DynamoDbStorage::new`, \
                              `DynamoDbStorage::from_url`)";

/// What went wrong, without what was sent: the SDK's errors hold the whole answer, and that may be a session.
pub(super) fn failure<E: ProvideErrorMetadata + Error + 'static>(
    error: &SdkError<E>,
) -> StorageError {
    StorageError::unavailable(Failure(match error {
        SdkError::ServiceError(error) => refusal(error.err()),
        SdkError::TimeoutError(_) => "no answer came in the time that the AWS SDK has".to_owned(),
        SdkError::ResponseError(_) => "what DynamoDB answers makes no sense".to_owned(),
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() || dispatch.is_timeout() => {
            not_sent("the connection to DynamoDB failed", error)
        }
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
            not_sent("nothing could be sent to DynamoDB", error)
        }
        _ => "the AWS SDK failed".to_owned(),
    }))
}

/// With words for the operator.
pub(super) fn unavailable(why: impl Into<String>) -> StorageError {
    StorageError::unavailable(Failure(why.into()))
}

fn refusal(error: &impl ProvideErrorMetadata) -> String {
    let code = error.code().filter(|code| is_code(code));
    let code = code.unwrap_or("without a code");
    if THROTTLED.contains(&code) {
        return format!(
            "DynamoDB throttles: the table or the account has no capacity left ({code})"
        );
    }
    if code == "ResourceNotFoundException" {
        return format!("DynamoDB has no such table here ({code})");
    }
    match error.message().filter(|_| HARMLESS.contains(&code)) {
        Some(message) => format!("DynamoDB refused: {message} ({code})"),
        None => format!("DynamoDB refused ({code})"),
    }
}

/// Whether it is the name of an error and nothing else.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What kept a request from being sent or answered: the network, or what the client lacks. It is not about what was sent.
fn not_sent(what: &str, error: &(dyn Error + 'static)) -> String {
    let innermost = iter::successors(Some(error), |&error| error.source()).last();
    let why = innermost.unwrap_or(error).to_string();
    if why.starts_with("No HTTP client was available") {
        return NO_HTTP_CLIENT.to_owned();
    }
    format!("{what}: {why}")
}

#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}
