use std::env;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region};

use super::FromUrlError;
use super::open::named;
use super::options::{Options, with};
use super::scheme::Scheme;
use crate::error::StorageError;
use crate::storage::DynamoDbStorage;

impl DynamoDbStorage {
    /// The storage that a URL names, by a client made of a configuration of yours: for what no URL can say, as the credentials of a
    /// role and the HTTP client. Nothing is sent.
    ///
    /// `dynamodb://shop-sessions?region=eu-central-1&endpoint=http://127.0.0.1:8000&timeout_ms=2000`: the table, and what may be
    /// left out. The region and the endpoint go before those of the configuration.
    ///
    /// # Errors
    ///
    /// [`FromUrlError::UnknownScheme`] and [`FromUrlError::Invalid`] when it is no such URL.
    ///
    /// # Example
    ///
    /// ```
    /// use session::DynamoDbStorage;
    ///
    /// // With `aws-config`: `Builder::from(&aws_config::load_from_env().await)`.
    /// let config = aws_sdk_dynamodb::config::Builder::new();
    /// let storage = DynamoDbStorage::from_url("dynamodb://shop-sessions?region=eu-central-1", config)?;
    /// assert!(format!("{storage:?}").contains("shop-sessions"));
    /// # Ok::<(), session::storage::FromUrlError>(())
    /// ```
    pub fn from_url(url: &str, config: Builder) -> Result<Self, FromUrlError> {
        let scheme = Scheme::of(url)?;
        let address = url.strip_prefix("dynamodb://").and_then(Address::of);
        address
            .ok_or_else(|| scheme.invalid())?
            .storage(scheme, config)
    }

    /// The same, with credentials from the environment, and checked.
    pub(super) async fn open(rest: &str, scheme: &'static Scheme) -> Result<Self, FromUrlError> {
        let address = rest.strip_prefix("//").and_then(Address::of);
        let mut address = address.ok_or_else(|| scheme.invalid())?;
        let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
        address.region = address.region.or_else(|| given("AWS_REGION"));
        if address.region.is_none() {
            return Err(scheme.invalid());
        }
        let (Some(id), Some(secret)) = (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY"))
        else {
            return Err(FromUrlError::Storage(StorageError::unavailable(
                "`dynamodb:` takes its credentials from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which are not set; \
                 `DynamoDbStorage::from_url` takes those that `aws-config` finds",
            )));
        };
        let credentials =
            Credentials::new(id, secret, given("AWS_SESSION_TOKEN"), None, "environment");
        let storage = address.storage(scheme, Builder::new().credentials_provider(credentials))?;
        storage.check().await?;
        Ok(storage)
    }
}

/// What a URL says behind its slashes.
#[derive(Debug, PartialEq)]
struct Address {
    table: String,
    region: Option<String>,
    endpoint: Option<String>,
    timeout: Option<Duration>,
}

impl Address {
    /// None when it makes no sense, or has an option that nobody reads.
    fn of(rest: &str) -> Option<Self> {
        let Options {
            rest,
            name: region,
            timeout,
        } = Options::of(rest, "region")?;
        let (table, endpoint) = match rest.split_once('?') {
            Some((table, query)) => (table, Some(query.strip_prefix("endpoint=")?.to_owned())),
            None => (rest.as_str(), None),
        };
        let is_endpoint = |text: &String| {
            let host = text
                .strip_prefix("http://")
                .or(text.strip_prefix("https://"));
            host.is_some_and(|host| !host.is_empty() && !host.contains('&'))
        };
        let makes_sense = !table.is_empty()
            && region.as_ref().is_none_or(|region| !region.is_empty())
            && endpoint.as_ref().is_none_or(is_endpoint);
        makes_sense.then(|| Self {
            table: table.to_owned(),
            region,
            endpoint,
            timeout,
        })
    }

    fn storage(
        self,
        scheme: &'static Scheme,
        config: Builder,
    ) -> Result<DynamoDbStorage, FromUrlError> {
        let config = with(config, self.region.map(Region::new), Builder::region);
        let config = with(config, self.endpoint, Builder::endpoint_url);
        let storage = DynamoDbStorage::new(Client::from_conf(config.build()));
        let storage = storage.table(self.table).map_err(named(scheme))?;
        Ok(with(storage, self.timeout, DynamoDbStorage::timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_table_and_where_it_is() {
        let address = |table: &str, region: Option<&str>, endpoint: Option<&str>, millis| Address {
            table: table.to_owned(),
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            timeout: Option::map(millis, Duration::from_millis),
        };
        assert_eq!(Address::of("shop"), Some(address("shop", None, None, None)));
        let endpoint = "http://127.0.0.1:8000";
        let whole = Some(address(
            "shop",
            Some("eu-central-1"),
            Some(endpoint),
            Some(2000),
        ));
        for order in [
            format!("shop?region=eu-central-1&endpoint={endpoint}&timeout_ms=2000"),
            format!("shop?endpoint={endpoint}&timeout_ms=2000&region=eu-central-1"),
        ] {
            assert_eq!(Address::of(&order), whole);
        }
        for nonsense in [
            "",
            "?region=eu-central-1",
            "shop?region=",
            "shop?endpoint=",
            "shop?endpoint=127.0.0.1:8000",
            "shop?endpoint=http://",
            "shop?timeout_ms=0",
            "shop?prefix=a",
            "shop?endpoint=http://a&profile=b",
            "shop?profile=b&endpoint=http://a",
            "shop?endpoint=http://a&endpoint=http://b",
        ] {
            assert_eq!(Address::of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_a_url_says_goes_before_the_configuration() {
        let region = |url: &str| {
            let config = Builder::new().region(Region::new("us-east-1"));
            let storage = DynamoDbStorage::from_url(url, config).unwrap();
            storage.region()
        };
        assert_eq!(region("dynamodb://shop").as_deref(), Some("us-east-1"));
        assert_eq!(
            region("dynamodb://shop?region=eu-central-1").as_deref(),
            Some("eu-central-1")
        );
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for url in [
            "dynamodb:shop",
            "dynamodb://",
            "dynamodb://a b",
            "memory:",
            "shop",
        ] {
            assert!(
                DynamoDbStorage::from_url(url, Builder::new()).is_err(),
                "{url}"
            );
        }
    }
}
