//! The table is missing, or another one, or made by several processes at once.

use std::process::Command;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use session::DynamoDbStorage;
use session::storage::{Backend as _, Created};

use super::{Scene, record, tomorrow, unavailable};
use crate::support::log::Log;

fn storage(scene: &Scene, table: &str) -> DynamoDbStorage {
    scene.storage.clone().table(table).unwrap()
}

/// A table with a key of these attributes, each with its type.
async fn make(client: &Client, table: &str, key: &[(&str, ScalarAttributeType)]) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for ((name, kind), role) in key.iter().zip([KeyType::Hash, KeyType::Range]) {
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        let attribute = attribute.attribute_type(kind.clone()).build().unwrap();
        let part = KeySchemaElement::builder().attribute_name(*name);
        let part = part.key_type(role).build().unwrap();
        request = request.attribute_definitions(attribute).key_schema(part);
    }
    request.send().await.unwrap();
}

#[tokio::test]
async fn missing_table_is_said_at_the_start_and_is_no_empty_session() {
    let scene = Scene::start();
    let missing = storage(&scene, "shop-sessions");
    let shown = unavailable(missing.check().await);
    let expected = "DynamoDB has no table `shop-sessions` in the region eu-central-1; `create_table()` makes it";
    assert!(shown.contains(expected), "{shown}");
    let shown = unavailable(missing.load(&scene.key).await);
    assert!(shown.contains("ResourceNotFoundException"), "{shown}");
    let created = missing.create(&scene.key, &record(1), tomorrow()).await;
    unavailable(created);
}

#[tokio::test]
async fn table_with_another_key_is_said_at_the_start() {
    use ScalarAttributeType::{N, S};
    let scene = Scene::start();
    let client = scene.server.client();
    make(&client, "called-otherwise", &[("id", S)]).await;
    make(&client, "no-string", &[("_idx", N)]).await;
    make(&client, "with-a-range", &[("_idx", S), ("at", S)]).await;
    for table in ["called-otherwise", "no-string", "with-a-range"] {
        let shown = unavailable(storage(&scene, table).check().await);
        let expected =
            format!("the table `{table}` of DynamoDB has another key than the string `_idx` alone");
        assert!(shown.contains(&expected), "{shown}");
    }
    let renamed = storage(&scene, "called-otherwise").attributes("id", "expires");
    let renamed = renamed.unwrap();
    renamed.check().await.unwrap();
    let created = renamed.create(&scene.key, &record(1), tomorrow()).await;
    assert!(matches!(created, Ok(Created::Done { .. })));
    assert!(renamed.load(&scene.key).await.unwrap().is_some());
    let items = client.scan().table_name("called-otherwise").send().await;
    let items = items.unwrap();
    assert!(items.items()[0]["expires"].is_n());
}

#[tokio::test]
async fn ttl_that_is_off_or_of_another_attribute_is_a_warning() {
    let scene = Scene::start();
    let log = Log::start();
    scene.storage.check().await.unwrap();
    assert_eq!(log.lines("WARN"), 0, "{}", log.text());
    let other = scene.storage.clone().attributes("_idx", "expires").unwrap();
    other.check().await.unwrap();
    assert_eq!(log.lines("WARN"), 1, "{}", log.text());
}

/// A role that may see the table and nothing else of it.
#[tokio::test]
async fn ttl_that_may_not_be_seen_is_a_warning() {
    let scene = Scene::start();
    let log = Log::start();
    scene
        .wire
        .refuse_operation("DescribeTimeToLive", "AccessDeniedException");
    scene.storage.check().await.unwrap();
    assert_eq!(log.lines("WARN"), 1, "{}", log.text());
    assert!(log.text().contains("AccessDeniedException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_is_made_once_by_whoever_comes_first() {
    let scene = Scene::start();
    let made = storage(&scene, "made").attributes("id", "ends").unwrap();
    let makers = [(); 4].map(|()| {
        let made = made.clone();
        tokio::spawn(async move { made.create_table().await })
    });
    for maker in makers {
        maker.await.unwrap().unwrap();
    }
    let client = scene.server.client();
    let ttl = client.describe_time_to_live().table_name("made").send();
    let ttl = ttl.await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name.as_deref(), Some("ends"));
    let table = client.describe_table().table_name("made").send().await;
    let table = table.unwrap().table.unwrap();
    let billing = table.billing_mode_summary.unwrap().billing_mode;
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
    let created = made.create(&scene.key, &record(1), tomorrow()).await;
    assert!(matches!(created, Ok(Created::Done { .. })));
    // Again, it is there, with what is in it.
    made.create_table().await.unwrap();
    assert!(made.load(&scene.key).await.unwrap().is_some());
}

#[tokio::test]
async fn table_of_that_name_with_another_key_is_not_made_over() {
    let scene = Scene::start();
    let client = scene.server.client();
    make(&client, "another", &[("id", ScalarAttributeType::S)]).await;
    let shown = unavailable(storage(&scene, "another").create_table().await);
    assert!(shown.contains("has another key"), "{shown}");
}

/// What `from_url` says in another process, with nothing of AWS in its environment but these.
fn refusal(url: &str, variables: &[(&str, &str)]) -> String {
    let mut node = Command::new(env!("CARGO_BIN_EXE_session-node"));
    node.args([url, "a secret of the tests, 32 bytes or more"]);
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        node.env_remove(name);
    }
    let output = node.envs(variables.iter().copied()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// In this build the AWS SDK has no HTTP client.
#[test]
fn storage_by_url_says_what_it_lacks() {
    let url = "dynamodb://sessions?region=eu-central-1";
    let keys = [
        ("AWS_ACCESS_KEY_ID", "hunter2"),
        ("AWS_SECRET_ACCESS_KEY", "hunter3"),
    ];
    let no_region = refusal("dynamodb://sessions", &keys);
    assert!(
        no_region.contains("a table and a region, as in"),
        "{no_region}"
    );
    let no_keys = refusal(url, &[]);
    assert!(
        no_keys.contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        "{no_keys}"
    );
    for variables in [&keys[..], &[keys[0], keys[1], ("AWS_REGION", "eu-west-1")]] {
        let url = if variables.len() == 2 {
            url
        } else {
            "dynamodb://sessions"
        };
        let no_client = refusal(url, variables);
        assert!(
            no_client.contains("the AWS SDK has no HTTP client"),
            "{no_client}"
        );
        assert!(no_client.contains("default-https-client"), "{no_client}");
        assert!(!no_client.contains("hunter"), "{no_client}");
    }
}
