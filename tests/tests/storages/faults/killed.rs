//! A server that is killed before a load, between load and commit, or during the commit, and is started again.

use tokio::task::JoinSet;

use super::stage::{
    NOTHING, Stage, crowd_logged, in_time, is_not_committed, is_not_loaded, unanswered_commit,
    visitor, written,
};

on_servers!(
    server_that_is_down_is_a_503_and_serves_the_first_request_after_it_is_back,
    restart_between_two_requests_is_not_noticed,
    new_visitor_is_welcome_after_a_restart,
    server_that_dies_before_the_commit_keeps_the_session_as_it_was,
    commit_that_does_not_reach_the_server_is_not_stored,
    commit_whose_answer_is_lost_is_stored_whole,
);

/// What a session that was stored is after a crash.
fn after_crash(stage: &Stage, word: &str) -> String {
    if stage.keeps_sessions {
        written(word)
    } else {
        NOTHING.to_owned()
    }
}

async fn server_that_is_down_is_a_503_and_serves_the_first_request_after_it_is_back(
    mut stage: Stage,
) {
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;

    stage.server.kill();
    let crowd = [(&ada, "/write/eve"), (&client, "/write/bob")].repeat(15);
    let (answers, log) = crowd_logged(crowd).await;
    for pair in answers.chunks(2) {
        is_not_loaded(&pair[0]);
        is_not_committed(&pair[1]);
    }
    let causes = log.matches("the storage is unavailable: ").count();
    assert_eq!(causes, answers.len(), "{log}");

    stage.server.restart();
    let answer = ada.peek("/look").await;
    assert_eq!(answer.ok(), after_crash(&stage, "ada"));
    answer.sets_no_cookie();
    let ada = visitor(&ada, "ada").await;
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));
}

/// Whatever connections there were, all of them are dead.
async fn restart_between_two_requests_is_not_noticed(mut stage: Stage) {
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;
    let mut requests = JoinSet::new();
    for _ in 0..10 {
        let ada = ada.clone();
        requests.spawn(async move { ada.peek("/look").await });
    }
    requests.join_all().await;

    stage.server.restart();
    let answer = ada.peek("/look").await;
    assert_eq!(answer.ok(), after_crash(&stage, "ada"));
}

/// Nothing is read before it is written: the first to meet a dead connection is a write.
async fn new_visitor_is_welcome_after_a_restart(mut stage: Stage) {
    let client = stage.client().await;
    visitor(&client, "ada").await;
    stage.server.restart();
    let bob = visitor(&client, "bob").await;
    assert_eq!(bob.peek("/look").await.ok(), written("bob"));
}

async fn server_that_dies_before_the_commit_keeps_the_session_as_it_was(mut stage: Stage) {
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;

    let request = ada.start("/slow/eve");
    stage.entered().await;
    stage.server.kill();
    stage.leave().await;
    is_not_committed(&in_time(request).await.unwrap());

    stage.server.restart();
    assert_eq!(ada.peek("/look").await.ok(), after_crash(&stage, "ada"));
}

async fn commit_that_does_not_reach_the_server_is_not_stored(mut stage: Stage) {
    let client = stage.client_through_proxy().await;
    let ada = visitor(&client, "ada").await;

    let request = ada.start("/slow/eve");
    stage.entered().await;
    stage.proxy.hold_requests();
    stage.leave().await;
    stage.proxy.until_held().await;
    stage.server.kill();
    stage.proxy.refuse();
    is_not_committed(&in_time(request).await.unwrap());

    stage.server.restart();
    stage.proxy.pass();
    assert_eq!(ada.peek("/look").await.ok(), after_crash(&stage, "ada"));
}

async fn commit_whose_answer_is_lost_is_stored_whole(mut stage: Stage) {
    let client = stage.client_through_proxy().await;
    let ada = visitor(&client, "ada").await;
    let (request, word) = unanswered_commit(&stage, &ada).await;
    stage.server.kill();
    stage.proxy.refuse();
    is_not_committed(&in_time(request).await.unwrap());

    stage.server.restart();
    stage.proxy.pass();
    assert_eq!(ada.peek("/look").await.ok(), after_crash(&stage, &word));
}
