//! G1: requests in flight together lose none of each other's changes.

use axum::routing::get;
use serde_json::json;
use session::Session;
use session::testing::Calls;
use tokio::task::JoinHandle;

use super::app::{self, Door};
use super::overtake::Overtaken;
use super::stage::Stage;
use crate::support::client::{Answer, Client, SetCookie};

const PARALLEL: usize = 64;

on_backends!(
    parallel_requests_that_each_set_a_key_lose_none,
    parallel_updates_of_one_counter_add_up,
    of_two_requests_that_set_one_key_the_last_commit_wins_whole,
    an_update_and_a_set_of_other_keys_both_survive,
    a_flash_value_read_by_two_requests_at_once_is_gone_after_both,
    a_flash_value_set_while_another_is_read_survives,
    a_flash_value_set_anew_while_the_old_one_is_read_survives,
    a_write_held_at_any_storage_call_merges_with_one_that_overtakes_it,
    updates_around_commits_by_hand_add_up,
    a_change_made_while_a_commit_by_hand_is_under_way_is_written_by_the_next,
    parallel_first_requests_of_one_browser_begin_sessions_of_their_own,
);

/// Begins all requests, waits until every handler has its session, lets all go, and waits for the answers.
async fn overlap(client: &Client, door: &Door, paths: impl Iterator<Item = String>) -> Vec<Answer> {
    let requests: Vec<JoinHandle<Answer>> = paths.map(|path| client.start(&path)).collect();
    door.entered(u32::try_from(requests.len()).unwrap()).await;
    door.open(requests.len());
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    answers
}

async fn stored_client(stage: &Stage, door: &Door) -> Client {
    let mut client = stage.client(app::routes().merge(door.routes()));
    client.get("/do/set-first").await.ok();
    stage.calls();
    client
}

async fn parallel_requests_that_each_set_a_key_lose_none(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    let paths = (0..PARALLEL).map(|n| format!("/slow/set-{n}"));
    for answer in overlap(&client, &door, paths).await {
        answer.ok();
        answer.sets_no_cookie();
    }
    let calls = stage.calls();
    let parallel = PARALLEL as u64;
    // Each loads once, and again for each conflict; each update that is refused is such a conflict.
    assert!(
        calls.load >= parallel && calls.update - parallel == calls.load - parallel,
        "{calls:?}"
    );
    assert_eq!(
        Calls {
            load: 0,
            update: 0,
            ..calls
        },
        Calls::default()
    );
    let shown = client.peek("/show").await;
    let shown: serde_json::Value = serde_json::from_str(shown.ok()).unwrap();
    let mut expected = json!({"first": "first"});
    for n in 0..PARALLEL {
        expected[n.to_string()] = n.to_string().into();
    }
    assert_eq!(shown, expected);
    assert_eq!(stage.records(), 1);
}

async fn parallel_updates_of_one_counter_add_up(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    let paths = (0..PARALLEL).map(|_| "/slow/add-count".to_owned());
    for answer in overlap(&client, &door, paths).await {
        answer.ok();
        answer.sets_no_cookie();
    }
    let shown = client.peek("/show").await;
    assert_eq!(shown.ok(), r#"{"count":64,"first":"first"}"#);
    assert_eq!(stage.records(), 1);
}

async fn of_two_requests_that_set_one_key_the_last_commit_wins_whole(stage: Stage) {
    let (first, second) = (Door::new(), Door::new());
    let client = stored_client(&stage, &first).await;
    let (client_beside, _) = stage.client_beside(&client, second.routes());
    let paths = ["/slow/set-first", "/slow/unset-first"];
    for last in [0, 1] {
        let requests = [client.start(paths[0]), client_beside.start(paths[1])];
        let doors = [&first, &second];
        for door in doors {
            door.entered(1).await;
        }
        let mut requests = requests.map(Some);
        for at in [1 - last, last] {
            doors[at].open(1);
            requests[at].take().unwrap().await.unwrap().ok();
        }
        let expected = [r#"{"first":"first"}"#, "{}"][last];
        assert_eq!(client.peek("/show").await.ok(), expected);
        client.peek("/do/set-first").await.ok();
    }
}

async fn an_update_and_a_set_of_other_keys_both_survive(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    let paths = ["add-count", "set-a", "add-count", "unset-first", "flash-b"];
    let paths = paths.map(|what| format!("/slow/{what}")).into_iter();
    overlap(&client, &door, paths).await;
    let shown = client.peek("/show").await;
    assert_eq!(shown.ok(), r#"{"a":"a","b":"b","count":2}"#);
}

async fn a_flash_value_read_by_two_requests_at_once_is_gone_after_both(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    client.peek("/do/flash-notice").await.ok();
    let paths = [
        "/slow/take-notice".to_owned(),
        "/slow/take-notice".to_owned(),
    ]
    .into_iter();
    for answer in overlap(&client, &door, paths).await {
        assert_eq!(
            answer.ok(),
            "notice",
            "a request cannot know of the other yet"
        );
    }
    assert_eq!(client.peek("/do/take-notice").await.ok(), "");
}

async fn a_flash_value_set_while_another_is_read_survives(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    client.peek("/do/flash-notice").await.ok();
    let paths = [
        "/slow/take-notice".to_owned(),
        "/slow/flash-other".to_owned(),
    ]
    .into_iter();
    overlap(&client, &door, paths).await;
    let shown = client.peek("/show").await;
    assert_eq!(shown.ok(), r#"{"first":"first","other":"other"}"#);
}

async fn a_flash_value_set_anew_while_the_old_one_is_read_survives(stage: Stage) {
    let door = Door::new();
    let client = stored_client(&stage, &door).await;
    client.peek("/do/flash-notice").await.ok();
    let request = client.start("/slow/take-notice");
    door.entered(1).await;
    client.peek("/do/again-notice").await.ok();
    door.open(1);
    assert_eq!(request.await.unwrap().ok(), "notice");
    assert_eq!(client.peek("/do/take-notice").await.ok(), "again");
}

/// Every point at which one request can be overtaken by another, for every pair of changes.
async fn a_write_held_at_any_storage_call_merges_with_one_that_overtakes_it(stage: Stage) {
    const CHANGES: [(&str, &str); 5] = [
        ("set-a", r#""a":"a""#),
        ("add-count", r#""count":1"#),
        ("flash-notice", r#""notice":"notice""#),
        ("rotate", ""),
        ("look", ""),
    ];
    for (held, trace) in CHANGES {
        for calls in 0.. {
            let mut client = stage.client(app::routes());
            client.get("/do/set-first").await.ok();
            let path = format!("/do/{held}");
            let Some(request) = Overtaken::after(calls, &stage, &client, &path).await else {
                break;
            };
            client.get("/do/set-b").await.ok();
            client.get("/do/add-count").await.ok();
            let answer = request.goes_on().await;
            answer.ok();
            client.take_in(&answer);
            let shown: serde_json::Value =
                serde_json::from_str(client.peek("/show").await.ok()).unwrap();
            let mut expected = json!({"first": "first", "b": "b", "count": 1});
            let change: serde_json::Value = serde_json::from_str(&format!("{{{trace}}}")).unwrap();
            for (key, value) in change.as_object().unwrap() {
                expected[key] = if key == "count" {
                    json!(2)
                } else {
                    value.clone()
                };
            }
            assert_eq!(shown, expected, "{held} held after {calls} calls");
        }
    }
}

async fn updates_around_commits_by_hand_add_up(stage: Stage) {
    let door = Door::new();
    let waiting = door.clone();
    let add = async move |session: Session| {
        waiting.pass().await;
        for _ in 0..3 {
            app::act(&session, "add-count");
            app::act(&session, "add-count");
            session.commit().await.unwrap();
        }
        app::act(&session, "add-count");
    };
    let mut client = stage.client(app::routes().route("/add", get(add)));
    client.get("/do/set-first").await.ok();
    for answer in overlap(&client, &door, (0..16).map(|_| "/add".to_owned())).await {
        answer.ok();
        answer.sets_no_cookie();
    }
    let expected = format!(r#"{{"count":{},"first":"first"}}"#, 16 * 7);
    assert_eq!(client.peek("/show").await.ok(), expected);
}

async fn a_change_made_while_a_commit_by_hand_is_under_way_is_written_by_the_next(stage: Stage) {
    let changes = [
        "add-count",
        "set-b",
        "unset-a",
        "flash-b",
        "take-notice",
        "clear",
        "rotate",
    ];
    for what in changes {
        let orders = stage.storage.another();
        let gate_of = orders.clone();
        let handler = async move |session: Session| {
            app::act(&session, "add-count");
            app::act(&session, "set-a");
            let gate = gate_of.hold_after(0);
            let (committing, ()) = tokio::join!(session.commit(), async {
                gate.reached().await;
                app::act(&session, what);
                gate.open();
            });
            committing.unwrap();
            session.data().to_string()
        };
        let mut client = stage.client_through(orders, app::routes().route("/", get(handler)));
        client.get("/do/flash-notice").await.ok();
        let seen = client.get("/").await;
        assert_eq!(
            client.peek("/show").await.ok(),
            seen.ok(),
            "{what}: what was seen is stored"
        );
        let expected = match what {
            "add-count" => r#"{"a":"a","count":2,"notice":"notice"}"#,
            "set-b" | "flash-b" => r#"{"a":"a","b":"b","count":1,"notice":"notice"}"#,
            "unset-a" => r#"{"count":1,"notice":"notice"}"#,
            "take-notice" => r#"{"a":"a","count":1}"#,
            "clear" => "{}",
            _ => r#"{"a":"a","count":1,"notice":"notice"}"#,
        };
        assert_eq!(seen.ok(), expected, "{what}");
    }
}

async fn parallel_first_requests_of_one_browser_begin_sessions_of_their_own(stage: Stage) {
    let door = Door::new();
    let client = stage.client(door.routes());
    let paths = (0..8).map(|n| format!("/slow/set-{n}"));
    let mut cookies = Vec::new();
    for answer in overlap(&client, &door, paths).await {
        let SetCookie::Set { pair, .. } = answer.cookie() else {
            panic!("a new session has a cookie");
        };
        cookies.push(pair);
    }
    cookies.sort();
    cookies.dedup();
    assert_eq!((cookies.len(), stage.records()), (8, 8));
    assert_eq!(
        stage.calls(),
        Calls {
            create: 8,
            ..Calls::default()
        }
    );
}
