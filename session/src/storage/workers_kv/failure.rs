use std::fmt;
use std::time::Duration;

use worker::js_sys;
use worker::kv::KvError;
use worker::wasm_bindgen::JsCast as _;

use crate::error::StorageError;

/// What KV answers to a second write to one key within a second.
const TOO_MANY_REQUESTS: u16 = 429;

/// Why KV did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    Refused {
        verb: &'static str,
        status: Option<u16>,
    },
    TimedOut {
        verb: &'static str,
        timeout: Duration,
    },
    /// Nothing was sent.
    TooLarge { bytes: usize, limit: usize },
}

impl Failure {
    /// Of the error's text its status alone is taken: the rest may quote what was sent.
    pub(super) fn refused(verb: &'static str, error: &KvError) -> Self {
        let status = match error {
            KvError::JavaScript(value) => value
                .dyn_ref::<js_sys::Error>()
                .and_then(|error| status(&String::from(error.message()))),
            _ => None,
        };
        Self::Refused { verb, status }
    }

    /// Whether KV has taken a write to the same key less than a second ago.
    pub(super) fn is_too_soon(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == Some(TOO_MANY_REQUESTS))
    }
}

/// The status in `KV PUT failed: 429 Too Many Requests`, as applications report it
/// (<https://github.com/rhinobase/hono-rate-limiter/issues/34>): KV has no other way to tell it.
fn status(message: &str) -> Option<u16> {
    let (_, rest) = message.split_once(" failed: ")?;
    rest.split(' ').next()?.parse().ok()
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge { bytes, limit } => Self::too_large(bytes, limit),
            failure => Self::unavailable(failure),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                verb,
                status: Some(status),
            } => write!(f, "Workers KV refused a {verb} with status {status}"),
            Self::Refused { verb, status: None } => write!(f, "Workers KV refused a {verb}"),
            Self::TimedOut { verb, timeout } => {
                write!(f, "no answer to a {verb} came within {timeout:?}")
            }
            Self::TooLarge { bytes, limit } => {
                write!(f, "Workers KV takes {limit} bytes at most, not {bytes}")
            }
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_refusal_the_status_alone_is_told() {
        for (message, expected) in [
            ("KV PUT failed: 429 Too Many Requests", Some(429)),
            (
                "KV GET failed: 414 the key session:9f2c is too long",
                Some(414),
            ),
            ("KV GET failed: session:9f2c", None),
            ("Network connection lost.", None),
        ] {
            assert_eq!(status(message), expected, "{message}");
        }
    }
}
