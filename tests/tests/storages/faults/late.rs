//! A server whose answers come late, or that nobody waits for any more.

use super::stage::{
    Stage, crowd_logged, in_time, is_not_committed, is_not_loaded, says_why, unanswered_commit,
    visitor, written,
};

on_servers!(
    answer_to_a_load_that_comes_after_the_timeout_is_nobody_elses,
    commit_whose_answer_comes_after_the_timeout_is_a_503_and_stored_whole,
    answers_that_nobody_waits_for_are_nobody_elses_and_use_nothing_up,
);

/// How long the storage waits, in milliseconds: long enough for a connection on a busy computer.
const SHORT: u64 = 500;
/// More than any storage has connections.
const MANY: usize = 50;

async fn answer_to_a_load_that_comes_after_the_timeout_is_nobody_elses(stage: Stage) {
    let client = stage.impatient_client(SHORT).await;
    let (ada, bob) = (visitor(&client, "ada").await, visitor(&client, "bob").await);
    for _ in 0..2 {
        stage.proxy.hold_replies();
        let (answers, log) = crowd_logged([(&ada, "/look"); MANY]).await;
        for answer in &answers {
            is_not_loaded(answer);
        }
        says_why(&log);

        stage.proxy.pass();
        for (visitor, word) in [(&bob, "bob"), (&ada, "ada"), (&bob, "bob")] {
            assert_eq!(in_time(visitor.peek("/look")).await.ok(), written(word));
        }
    }
}

async fn commit_whose_answer_comes_after_the_timeout_is_a_503_and_stored_whole(stage: Stage) {
    let client = stage.impatient_client(SHORT).await;
    let (ada, bob) = (visitor(&client, "ada").await, visitor(&client, "bob").await);
    let (request, word) = unanswered_commit(&stage, &ada).await;
    is_not_committed(&in_time(request).await.unwrap());

    stage.proxy.pass();
    assert_eq!(bob.peek("/look").await.ok(), written("bob"));
    assert_eq!(ada.peek("/look").await.ok(), written(&word));
    ada.peek("/write/ada").await.ok();
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));
}

async fn answers_that_nobody_waits_for_are_nobody_elses_and_use_nothing_up(stage: Stage) {
    let client = stage.client_through_proxy().await;
    let (ada, bob) = (visitor(&client, "ada").await, visitor(&client, "bob").await);
    for what in ["/look", "/write/ada"] {
        for _ in 0..MANY {
            stage.proxy.hold_replies();
            let request = ada.start(what);
            stage.proxy.until_held().await;
            request.abort();
            request.await.unwrap_err();
            stage.proxy.pass();
            assert_eq!(in_time(bob.peek("/look")).await.ok(), written("bob"));
        }
    }
    assert_eq!(in_time(ada.peek("/look")).await.ok(), written("ada"));
}
