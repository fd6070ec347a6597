//! A cluster whose slots move and whose nodes die.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use tokio::sync::Barrier;

use super::stage::{client, in_time, is_not_loaded, logged, says_why, visitor, written};
use crate::support::client::Client;
use crate::support::servers::cluster::RedisCluster;

/// Of each node, the visitors whose sessions it has, and what they have written.
type Visitors = [Vec<(Client, String)>; 3];

/// As many on each node at least, of a storage that waits so many milliseconds for an answer.
async fn visitors(cluster: &RedisCluster, least: usize, timeout_ms: u64) -> Visitors {
    let url = format!("{}?timeout_ms={timeout_ms}", cluster.url());
    let client = client(&url, &Arc::new(Barrier::new(2))).await;
    let mut visitors = [const { Vec::new() }; 3];
    let sizes = || {
        cluster
            .nodes
            .iter()
            .map(|node| node.ask(&["DBSIZE"]))
            .collect::<Vec<_>>()
    };
    for number in 0.. {
        let word = format!("visitor{number}");
        let before = sizes();
        let visitor = visitor(&client, &word).await;
        let grown = sizes()
            .iter()
            .zip(&before)
            .position(|(after, before)| after != before);
        visitors[grown.expect("it is somewhere")].push((visitor, word));
        if visitors.iter().all(|visitors| visitors.len() >= least) {
            break;
        }
    }
    visitors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slot_that_moves_loses_no_session() {
    let cluster = RedisCluster::start();
    let visitors = visitors(&cluster, 3, 5000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let counting: Vec<_> = visitors
        .iter()
        .flatten()
        .map(|(visitor, _)| tokio::spawn(count(visitor.clone(), Arc::clone(&stop))))
        .collect();

    let [source, target, other] = &cluster.nodes[..] else {
        panic!("three nodes");
    };
    for key in source.ask(&["KEYS", "*"]).lines() {
        let slot = source.ask(&["CLUSTER", "KEYSLOT", key]);
        let [from, to] = [source, target].map(|node| node.ask(&["CLUSTER", "MYID"]));
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from]);
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to]);
        in_time(all_are_served(&visitors[0])).await;
        // From here on the source answers by ASK.
        let port = target.port().to_string();
        source.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "60000"]);
        in_time(all_are_served(&visitors[0])).await;
        // And from here on by MOVED.
        for node in [target, source, other] {
            node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to]);
        }
        in_time(all_are_served(&visitors[0])).await;
    }
    assert_eq!(source.ask(&["DBSIZE"]), "0");
    for command in ["ASK", "MOVED"] {
        let errors = source.ask(&["INFO", "errorstats"]);
        assert!(
            errors.contains(&format!("errorstat_{command}:")),
            "{errors}"
        );
    }

    stop.store(true, Ordering::Relaxed);
    let all = visitors.iter().flatten();
    for ((visitor, word), counting) in all.zip(counting) {
        let (done, refused) = in_time(counting).await.unwrap();
        let found = visitor.peek("/look").await.ok().to_owned();
        let (count, rest) = found.split_once(',').unwrap();
        let count: u64 = count.strip_prefix(r#"{"count":"#).unwrap().parse().unwrap();
        assert!(done > 0, "requests go on meanwhile");
        assert!(
            (done..=done + refused).contains(&count),
            "{count} of {done}"
        );
        assert_eq!(rest, &written(word)[1..]);
    }
}

/// At last: while a slot moves, a 503 is an answer, too.
async fn all_are_served(visitors: &[(Client, String)]) {
    for (visitor, word) in visitors {
        let mut answer = visitor.peek("/look").await;
        while answer.status == StatusCode::SERVICE_UNAVAILABLE {
            is_not_loaded(&answer);
            answer = visitor.peek("/look").await;
        }
        assert!(answer.ok().contains(&written(word)[1..]), "{}", answer.body);
    }
}

/// Adds one again and again: how often that was done, and how often it was refused.
async fn count(visitor: Client, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut done, mut refused) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        match in_time(visitor.peek("/count")).await.status {
            StatusCode::OK => done += 1,
            StatusCode::SERVICE_UNAVAILABLE => refused += 1,
            status => panic!("{status}"),
        }
    }
    (done, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_hangs_or_is_down_is_a_503_for_its_sessions_alone() {
    let mut cluster = RedisCluster::start();
    for node in &cluster.nodes {
        node.ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let visitors = visitors(&cluster, 2, 1000).await;

    cluster.nodes[1].pause();
    only_the_second_node_is_lost(&visitors).await;
    cluster.nodes[1].resume();
    all_sessions_are_there(&visitors).await;

    // What is in the file is there after a restart.
    cluster.nodes[1].ask(&["SAVE"]);
    cluster.nodes[1].kill();
    only_the_second_node_is_lost(&visitors).await;
    cluster.nodes[1].restart();
    cluster.wait_until_it_works();
    all_sessions_are_there(&visitors).await;
}

async fn only_the_second_node_is_lost(visitors: &Visitors) {
    let lost = &visitors[1];
    let requests: Vec<_> = lost
        .iter()
        .map(|(visitor, _)| visitor.start("/look"))
        .collect();
    for (visitor, word) in visitors[0].iter().chain(&visitors[2]) {
        assert_eq!(in_time(visitor.peek("/look")).await.ok(), written(word));
        in_time(visitor.peek(&format!("/write/{word}"))).await.ok();
    }
    for request in requests {
        is_not_loaded(&in_time(request).await.unwrap());
    }
    let (answer, log) = logged(&lost[0].0, "/look").await;
    is_not_loaded(&answer);
    says_why(&log);
}

async fn all_sessions_are_there(visitors: &Visitors) {
    for (visitor, word) in visitors.iter().flatten() {
        assert_eq!(in_time(visitor.peek("/look")).await.ok(), written(word));
        in_time(visitor.peek(&format!("/write/{word}"))).await.ok();
    }
}
