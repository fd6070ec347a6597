//! The table itself: whether it is the right one, and making it.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::failure::{failure, unavailable};
use super::{DynamoDbStorage, boxed};
use crate::error::{Chain, StorageError};
use crate::storage::remote::bounded;

/// How long a table may take to be made. It takes some seconds.
const MAKING: Duration = Duration::from_mins(1);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(200);

impl DynamoDbStorage {
    /// Sees whether the table is there and right, so that what is wrong shows at the start and not at the first request.
    ///
    /// Sends `DescribeTable` and `DescribeTimeToLive`, which need these permissions. A TTL that is off, or is that of another
    /// attribute, is a warning in the log: sessions end all the same, and their items stay.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the table is missing, not ready, or has another key, and when DynamoDB cannot be asked. The
    /// error says which it is, and names the table.
    pub async fn check(&self) -> Result<(), StorageError> {
        self.bounded(async {
            let Some(table) = self.describe().await? else {
                return Err(unavailable(format!(
                    "DynamoDB has no table `{}` in the region {}; `create_table()` makes it, for development",
                    self.names.table,
                    self.region().as_deref().unwrap_or("of the client"),
                )));
            };
            self.is_ready(&table)?;
            self.has_key(&table)?;
            match self.deletes_expired().await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(
                    table = self.names.table,
                    attribute = self.names.ttl,
                    "expired sessions stay in the table: its TTL is not on for this attribute"
                ),
                Err(error) => tracing::warn!(
                    table = self.names.table,
                    error = %Chain(&error),
                    "whether DynamoDB deletes expired sessions could not be seen"
                ),
            }
            Ok(())
        })
        .await
    }

    /// Makes the table where it is not there, paid by request and with its TTL on, waits until it can be used, and
    /// [checks](Self::check) it: for development and tests. In production the table is made with the rest of your infrastructure:
    ///
    /// ```text
    /// $ aws dynamodb create-table --table-name sessions --billing-mode PAY_PER_REQUEST \
    ///     --attribute-definitions AttributeName=_idx,AttributeType=S --key-schema AttributeName=_idx,KeyType=HASH
    /// $ aws dynamodb update-time-to-live --table-name sessions \
    ///     --time-to-live-specification Enabled=true,AttributeName=_ttl
    /// ```
    ///
    /// Several processes may do so at once. It takes a minute at most, whatever [`timeout`](Self::timeout) says.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the table could not be made, or a table of that name has another key.
    pub async fn create_table(&self) -> Result<(), StorageError> {
        let make = boxed(async {
            if self.describe().await?.is_none() {
                self.make().await?;
            }
            while let Some(table) = self.describe().await?
                && self.is_ready(&table).is_err()
            {
                tokio::time::sleep(GLANCE).await;
            }
            if !self.deletes_expired().await? {
                self.switch_ttl_on().await?;
            }
            Ok(())
        });
        bounded(MAKING, make).await?;
        self.check().await
    }

    /// The table, if there is one.
    async fn describe(&self) -> Result<Option<TableDescription>, StorageError> {
        let request = self.client.describe_table().table_name(&self.names.table);
        match request.send().await {
            Ok(answer) => Ok(answer.table),
            Err(SdkError::ServiceError(error))
                if matches!(
                    error.err(),
                    DescribeTableError::ResourceNotFoundException(_)
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure(&error)),
        }
    }

    fn is_ready(&self, table: &TableDescription) -> Result<(), StorageError> {
        match &table.table_status {
            // It serves while its settings change.
            Some(TableStatus::Active | TableStatus::Updating) => Ok(()),
            status => Err(unavailable(format!(
                "the table `{}` of DynamoDB is not ready: {}",
                self.names.table,
                status.as_ref().map_or("no status", TableStatus::as_str)
            ))),
        }
    }

    fn has_key(&self, table: &TableDescription) -> Result<(), StorageError> {
        let is_string = |name: &str| {
            table.attribute_definitions().iter().any(|attribute| {
                attribute.attribute_name == name
                    && attribute.attribute_type == ScalarAttributeType::S
            })
        };
        let has_key = match table.key_schema() {
            [key] => {
                key.attribute_name == self.names.key
                    && key.key_type == KeyType::Hash
                    && is_string(&key.attribute_name)
            }
            _ => false,
        };
        if !has_key {
            return Err(unavailable(format!(
                "the table `{}` of DynamoDB has another key than the string `{}` alone; `attributes()` says what it is called",
                self.names.table, self.names.key
            )));
        }
        Ok(())
    }

    async fn make(&self) -> Result<(), StorageError> {
        let attribute = AttributeDefinition::builder()
            .attribute_name(&self.names.key)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(&self.names.key)
            .key_type(KeyType::Hash);
        let request = self
            .client
            .create_table()
            .table_name(&self.names.table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute.build().map_err(StorageError::unavailable)?)
            .key_schema(key.build().map_err(StorageError::unavailable)?);
        match request.send().await {
            Ok(_) => Ok(()),
            // Another process makes it.
            Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => {
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Whether the table's TTL is on, for the right attribute.
    async fn deletes_expired(&self) -> Result<bool, StorageError> {
        let request = self.client.describe_time_to_live();
        let request = request.table_name(&self.names.table);
        let answer = request.send().await.map_err(|error| failure(&error))?;
        let Some(ttl) = answer.time_to_live_description else {
            return Ok(false);
        };
        let is_on = matches!(
            ttl.time_to_live_status,
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        );
        Ok(is_on && ttl.attribute_name.as_deref() == Some(&self.names.ttl))
    }

    async fn switch_ttl_on(&self) -> Result<(), StorageError> {
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(&self.names.ttl)
            .enabled(true);
        let request = self
            .client
            .update_time_to_live()
            .table_name(&self.names.table)
            .time_to_live_specification(ttl.build().map_err(StorageError::unavailable)?);
        match request.send().await {
            Ok(_) => Ok(()),
            // Another process was faster: that is refused, too.
            Err(_) if self.deletes_expired().await? => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }
}
