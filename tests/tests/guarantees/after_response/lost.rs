//! What is never committed: dropped on purpose, or lost and reported.

use http::StatusCode;
use session::Session;
use session::testing::Verb;

use super::{act, is_refused, visit};
use crate::guarantees::stage::Stage;
use crate::support::log::Log;

on_backends!(
    a_new_session_has_no_response_to_go_with_when_the_request_was_dropped,
    what_the_handler_of_a_dropped_request_changed_is_not_committed_by_its_task,
    a_commit_that_failed_leaves_nothing_to_a_later_one,
    what_is_never_committed_is_reported_once_by_its_keys,
    what_was_dropped_on_purpose_is_not_reported,
);
in_the_cookie!(
    what_is_never_committed_is_reported_once_by_its_keys,
    what_was_dropped_on_purpose_is_not_reported,
);

async fn a_new_session_has_no_response_to_go_with_when_the_request_was_dropped(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    let records = stage.records();
    let stranger = client.anonymous();
    let session = pocket.of_dropped_request(&stranger, "look").await;
    act(&session, "set-key");
    is_refused(&session.commit().await);
    assert_eq!(stage.records(), records);
}

async fn what_the_handler_of_a_dropped_request_changed_is_not_committed_by_its_task(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    let session = pocket.of_dropped_request(&client, "set-lost").await;
    act(&session, "set-kept");
    session.commit().await.unwrap();
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first","kept":"kept"}"#
    );
}

async fn a_commit_that_failed_leaves_nothing_to_a_later_one(stage: Stage) {
    let log = Log::start();
    let (client, pocket) = visit(&stage).await;
    for what in ["set-lost", "logout"] {
        stage.storage.fail(Verb::Update);
        let answer = client.peek(&format!("/keep/{what}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        stage.storage.heal();
        assert_eq!(client.peek("/show").await.ok(), r#"{"first":"first"}"#);
        let session = pocket.take();
        if what == "set-lost" {
            session.commit().await.unwrap();
            assert_eq!(client.peek("/show").await.ok(), r#"{"first":"first"}"#);
        }
    }
    assert_eq!((log.lines("ERROR"), log.lines("WARN")), (2, 0));
}

async fn what_is_never_committed_is_reported_once_by_its_keys(stage: Stage) {
    const VALUE: &str = "do not log me";
    let log = Log::start();
    let (client, pocket) = visit(&stage).await;
    let mut lines = 0;
    let mut lose = |session: Session, shows: &str| {
        let last = session.clone();
        drop(session);
        assert_eq!(log.lines("WARN"), lines);
        drop(last);
        lines += 1;
        assert_eq!(log.lines("WARN"), lines, "{}", log.text());
        assert!(log.text().lines().last().unwrap().contains(shows));
    };
    for path in ["/keep/look", "/keep/set-key", "/keep/set-key/500"] {
        client.peek(path).await;
        let session = pocket.take();
        session.set("alpha", VALUE);
        session.flash("beta", VALUE);
        lose(session, r#"keys=["alpha", "beta"]"#);
        for (what, shows) in [
            ("clear", "cleared=true"),
            ("rotate", "new_id=true"),
            ("logout", "destroyed=true"),
        ] {
            client.peek(path).await;
            let session = pocket.take();
            act(&session, what);
            lose(session, shows);
        }
    }
    let stranger = client.anonymous();
    stranger.peek("/keep/look").await.ok();
    let session = pocket.take();
    session.set("gamma", VALUE);
    is_refused(&session.commit().await);
    lose(session, r#"keys=["gamma"]"#);
    assert!(!log.text().contains(VALUE));
}

async fn what_was_dropped_on_purpose_is_not_reported(stage: Stage) {
    let log = Log::start();
    let (client, pocket) = visit(&stage).await;
    for client in [&client, &client.anonymous()] {
        for path in ["/keep/set-key/500", "/keep/set-key", "/keep/look"] {
            client.peek(path).await;
            drop(pocket.take());
        }
        drop(pocket.of_dropped_request(client, "set-key").await);
    }
    let session = stage.sessions().open([""; 0]).await.unwrap();
    act(&session, "set-key");
    drop(session);
    assert_eq!(log.lines("WARN"), 0, "{}", log.text());
}
