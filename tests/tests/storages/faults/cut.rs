//! A connection that is cut somewhere in an answer or in a request.

use http::StatusCode;

use super::stage::{Stage, in_time, visitor, written};
use crate::support::client::{Answer, Client};
use crate::support::proxy::Proxy;

on_servers!(
    answer_to_a_load_that_is_cut_anywhere_is_nobody_elses,
    commit_whose_answer_is_cut_anywhere_is_stored_whole_or_not_at_all,
    commit_that_is_cut_anywhere_is_stored_whole_or_not_at_all,
    number_is_not_added_to_twice_wherever_the_answer_is_cut,
);

/// What two loads are answered by, in bytes, or a little more.
const TWO_LOADS: usize = 400;
/// More than a commit is answered by.
const ANSWER: usize = 40;
/// What a commit is asked for by, or a little more.
const COMMIT: usize = 400;

async fn answer_to_a_load_that_is_cut_anywhere_is_nobody_elses(stage: Stage) {
    let client = stage.client_through_proxy().await;
    let (ada, bob) = (visitor(&client, "ada").await, visitor(&client, "bob").await);
    let before = stage.proxy.connections();
    for bytes in (0..TWO_LOADS).step_by(2) {
        stage.proxy.cut_replies_after(bytes);
        for (answer, word) in at_once(&ada, &bob).await {
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(answer.ok(), written(word), "cut after {bytes} bytes");
            }
        }
        stage.proxy.pass();
        for (answer, word) in at_once(&ada, &bob).await {
            assert_eq!(answer.ok(), written(word), "after a cut at {bytes} bytes");
        }
    }
    let cuts = stage.proxy.connections() - before;
    assert!(cuts > TWO_LOADS / 8, "{cuts} connections were cut");
}

async fn at_once(ada: &Client, bob: &Client) -> Vec<(Answer, &'static str)> {
    let requests = [(ada.start("/look"), "ada"), (bob.start("/look"), "bob")];
    let mut answers = Vec::new();
    for (request, word) in requests {
        answers.push((in_time(request).await.unwrap(), word));
    }
    answers
}

async fn commit_whose_answer_is_cut_anywhere_is_stored_whole_or_not_at_all(stage: Stage) {
    cut_commits(&stage, 0..ANSWER, Proxy::cut_replies_after).await;
}

async fn commit_that_is_cut_anywhere_is_stored_whole_or_not_at_all(stage: Stage) {
    let places = (0..COMMIT).step_by(20);
    cut_commits(&stage, places, Proxy::cut_requests_after).await;
}

/// Cuts one commit after another, each at another place, and looks at what became of it.
async fn cut_commits(
    stage: &Stage,
    places: impl Iterator<Item = usize>,
    cut_after: fn(&Proxy, usize),
) {
    let client = stage.client_through_proxy().await;
    let ada = visitor(&client, "before").await;
    let before = stage.proxy.connections();
    let mut stored = written("before");
    for bytes in places {
        let word = format!("at{bytes}");
        let request = ada.start(&format!("/slow/{word}"));
        stage.entered().await;
        cut_after(&stage.proxy, bytes);
        stage.leave().await;
        let answer = in_time(request).await.unwrap();
        stage.proxy.pass();

        let found = in_time(ada.peek("/look")).await.ok().to_owned();
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(
                found == stored || found == written(&word),
                "cut after {bytes} bytes: {found}"
            );
        } else {
            answer.ok();
            assert_eq!(found, written(&word), "cut after {bytes} bytes");
        }
        stored = found;
    }
    let cuts = stage.proxy.connections() - before;
    assert!(cuts > 5, "{cuts} connections were cut");
}

/// A call that was made again, or that was not: either way it is seen in a number.
async fn number_is_not_added_to_twice_wherever_the_answer_is_cut(stage: Stage) {
    let client = stage.client_through_proxy().await;
    let mut ada = client.clone();
    ada.get("/count").await.ok();
    let mut stored = 1;
    for bytes in 0..ANSWER {
        let request = ada.start("/slow-count");
        stage.entered().await;
        stage.proxy.cut_replies_after(bytes);
        stage.leave().await;
        let answer = in_time(request).await.unwrap();
        stage.proxy.pass();

        let found = in_time(ada.peek("/look")).await.ok().to_owned();
        let is_added = found == counted(stored + 1);
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(
                is_added || found == counted(stored),
                "cut after {bytes} bytes: {found}"
            );
        } else {
            answer.ok();
            assert!(is_added, "cut after {bytes} bytes: {found}");
        }
        stored += u32::from(is_added);
    }
}

fn counted(count: u32) -> String {
    format!(r#"{{"count":{count}}}"#)
}
