//! What memcached can do beside dying: refuse what is large, be one of several, forget.

use std::sync::Arc;

use session::Error;
use tokio::sync::Barrier;

use super::stage::{
    NOTHING, Stage, client, in_time, is_not_committed, is_not_loaded, logged, says_why,
    sessions_of, visitor, written,
};
use crate::support::client::Client;
use crate::support::servers::memcached::Memcached;

#[tokio::test]
async fn session_that_is_too_large_is_an_error_that_names_its_keys_and_the_old_one_stays() {
    let stage = Stage::of(Memcached::start_with(&[
        "-I",
        "8k",
        "-o",
        "slab_chunk_max=8192",
    ]));
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;

    let large = "x".repeat(2500);
    for who in [&ada, &client] {
        let (answer, log) = logged(who, &format!("/write/{large}")).await;
        is_not_committed(&answer);
        assert!(
            log.contains("its largest keys are `long` (20002 bytes)"),
            "{log}"
        );
        assert!(!log.contains(&large), "{log}");
    }
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));

    let sessions = sessions_of(&stage.server.url()).await;
    let session = sessions.open([ada.cookie().unwrap()]).await.unwrap();
    session.set("notes", large.repeat(8));
    let Err(Error::TooLarge {
        bytes,
        limit,
        largest,
        ..
    }) = sessions.commit(&session).await
    else {
        panic!("it is too large");
    };
    assert!(bytes > 20_000 && limit < 8 * 1024, "{bytes} of {limit}");
    assert_eq!(largest[0], ("notes".to_owned(), 20_002));

    ada.peek("/write/eve").await.ok();
    assert_eq!(ada.peek("/look").await.ok(), written("eve"));
}

/// Two servers, and visitors with sessions on each.
struct Two {
    servers: [Memcached; 2],
    client: Client,
    /// Of the first server and of the second one.
    visitors: [Vec<(Client, String)>; 2],
}

impl Two {
    async fn start(timeout_ms: u64) -> Self {
        let servers = [Memcached::start(), Memcached::start()];
        let [one, two] = servers.each_ref().map(|server| server.port());
        let url = format!("memcached://127.0.0.1:{one},127.0.0.1:{two}?timeout_ms={timeout_ms}");
        let client = client(&url, &Arc::new(Barrier::new(2))).await;
        let mut visitors = [Vec::new(), Vec::new()];
        for number in 0.. {
            let word = format!("visitor{number}");
            let items = items(&servers[0]);
            let visitor = visitor(&client, &word).await;
            let is_on_the_first = self::items(&servers[0]) > items;
            visitors[usize::from(!is_on_the_first)].push((visitor, word));
            if visitors.iter().all(|visitors| visitors.len() > 3) {
                break;
            }
        }
        Self {
            servers,
            client,
            visitors,
        }
    }

    /// The sessions of the first server cannot be had, and nobody else sees anything of it.
    async fn is_half_there(&self) {
        let [lost, others] = &self.visitors;
        let requests = lost.iter().map(|(visitor, _)| visitor.start("/look"));
        let requests: Vec<_> = requests.collect();
        for (visitor, word) in others {
            assert_eq!(in_time(visitor.peek("/look")).await.ok(), written(word));
            in_time(visitor.peek(&format!("/write/{word}"))).await.ok();
        }
        for request in requests {
            is_not_loaded(&in_time(request).await.unwrap());
        }
        let (answer, log) = logged(&lost[0].0, "/look").await;
        is_not_loaded(&answer);
        says_why(&log);
        let address = format!("memcached at 127.0.0.1:{}", self.servers[0].port());
        assert!(log.contains(&address), "{log}");
    }
}

fn items(server: &Memcached) -> usize {
    statistic(server, "curr_items")
}

fn statistic(server: &Memcached, name: &str) -> usize {
    let stats = server.ask("stats");
    let prefix = format!("STAT {name} ");
    let value = stats.lines().find_map(|line| line.strip_prefix(&prefix));
    value.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_of_several_that_is_down_is_a_503_for_its_sessions_alone() {
    let mut two = Two::start(2000).await;
    two.servers[0].kill();
    two.is_half_there().await;

    two.servers[0].restart();
    let [lost, others] = &two.visitors;
    for (visitor, word) in others {
        assert_eq!(visitor.peek("/look").await.ok(), written(word));
    }
    for (visitor, _) in lost {
        assert_eq!(visitor.peek("/look").await.ok(), NOTHING);
    }
    while items(&two.servers[0]) == 0 {
        let new = visitor(&two.client, "new").await;
        assert_eq!(new.peek("/look").await.ok(), written("new"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_of_several_that_hangs_is_a_503_for_its_sessions_alone_until_it_goes_on() {
    let two = Two::start(500).await;
    two.servers[0].pause();
    two.is_half_there().await;

    two.servers[0].resume();
    for (visitor, word) in two.visitors.iter().flatten() {
        assert_eq!(visitor.peek("/look").await.ok(), written(word));
        visitor.peek(&format!("/write/{word}")).await.ok();
    }
}

#[tokio::test]
async fn session_that_was_evicted_is_a_new_one_and_no_error() {
    let stage = Stage::of(Memcached::start_with(&["-m", "2"]));
    let client = stage.client().await;
    let mut visitors = Vec::new();
    while statistic(&stage.server, "evictions") < 10 {
        for _ in 0..50 {
            let word = format!("{:0500}", visitors.len());
            visitors.push((visitor(&client, &word).await, word));
        }
    }
    let (last, word) = visitors.last().unwrap();
    assert_eq!(last.peek("/look").await.ok(), written(word));
    let mut evicted = 0;
    for (visitor, word) in &mut visitors {
        let (answer, log) = logged(visitor, "/look").await;
        assert_eq!(log, "");
        answer.sets_no_cookie();
        if answer.ok() == NOTHING {
            evicted += 1;
            visitor.get("/write/back").await.ok();
            assert_eq!(visitor.peek("/look").await.ok(), written("back"));
        } else {
            assert_eq!(answer.body, written(word));
        }
    }
    assert!(evicted >= 10, "{evicted}");
}
