//! Several processes on one folder, and processes that are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use session::storage::Sweep as _;
use session::{FsStorage, Sessions};

use super::node::Node;
use super::{SECRET, commit, files, open, scratch, session_files, sessions, store};

const REQUESTS: u64 = 64;
const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn two_processes_with_64_requests_each_lose_no_key_and_no_update() {
    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    let cookie = store(&here, "user", 7).await;

    let mut nodes = ["left", "right"].map(|name| (name, Node::start(&folder, SECRET)));
    for (name, node) in &mut nodes {
        node.tell(&format!("crowd {name} {REQUESTS} {cookie}"));
    }
    for (_, node) in &nodes {
        assert_eq!(node.answer(), "done");
    }

    let session = open(&here, &cookie).await;
    for (name, _) in &nodes {
        for number in 0..REQUESTS {
            let key = format!("{name}{number}");
            assert_eq!(
                session.get::<u64>(&key).unwrap(),
                Some(number),
                "{key} is lost"
            );
        }
    }
    assert_eq!(session.get::<u64>("count").unwrap(), Some(2 * REQUESTS));
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
}

/// What a slow request does to its session before another process ends that session.
const SLOW: [(&str, &[&str]); 6] = [
    ("set a key", &["set slow key 1"]),
    ("read a flash value", &["get slow notice"]),
    ("regenerated the id", &["regenerate slow"]),
    (
        "regenerated the id and set a key",
        &["set slow key 1", "regenerate slow"],
    ),
    ("only touched it", &[]),
    ("ended it, too", &["destroy slow"]),
];

#[tokio::test]
async fn a_slow_request_in_one_process_does_not_bring_back_what_another_process_has_destroyed() {
    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    let (mut slow, mut fast) = (Node::start(&folder, SECRET), Node::start(&folder, SECRET));
    // From here on every use of a session is worth writing.
    slow.ask(&format!("turn {DAY}"));
    for (what, commands) in SLOW {
        let session = open(&here, "").await;
        session.set("user", 7);
        session.flash("notice", 1);
        let cookie = commit(&here, &session).await.unwrap();

        assert_eq!(slow.ask(&format!("open slow {cookie}")), "known");
        for command in commands {
            slow.ask(command);
        }
        assert_eq!(fast.ask(&format!("open fast {cookie}")), "known");
        fast.ask("destroy fast");
        fast.ask("commit fast");
        let sent = slow.ask("commit slow");

        assert!(
            open(&here, &cookie).await.is_new(),
            "it is back: the slow request {what}"
        );
        assert!(
            open(&here, &sent).await.is_new(),
            "it is back under a new id: the slow request {what}"
        );
        assert_eq!(
            session_files(&folder).len(),
            0,
            "something is stored: the slow request {what}"
        );
    }
}

#[tokio::test]
async fn a_slow_request_in_one_process_keeps_its_changes_when_another_process_replaces_the_id() {
    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    let (mut slow, mut fast) = (Node::start(&folder, SECRET), Node::start(&folder, SECRET));
    let cookie = store(&here, "user", 7).await;

    slow.ask(&format!("open slow {cookie}"));
    slow.ask("set slow key 1");
    fast.ask(&format!("open fast {cookie}"));
    fast.ask("regenerate fast");
    let new_cookie = fast.ask("commit fast");
    assert_eq!(
        slow.ask("commit slow"),
        "-",
        "the new id is for the other request to send"
    );

    let session = open(&here, &new_cookie).await;
    assert_eq!(session.data(), serde_json::json!({ "user": 7, "key": 1 }));
    assert!(open(&here, &cookie).await.is_new());
}

#[tokio::test]
async fn a_slow_request_that_only_touched_does_not_send_an_id_that_another_process_has_replaced() {
    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    let (mut slow, mut fast) = (Node::start(&folder, SECRET), Node::start(&folder, SECRET));
    let cookie = store(&here, "user", 7).await;
    slow.ask(&format!("turn {DAY}"));

    slow.ask(&format!("open slow {cookie}"));
    fast.ask(&format!("open fast {cookie}"));
    fast.ask("regenerate fast");
    let new_cookie = fast.ask("commit fast");
    assert_eq!(
        slow.ask("commit slow"),
        "-",
        "the browser would forget the new id for a dead one"
    );
    assert!(!open(&here, &new_cookie).await.is_new());
}

#[tokio::test]
async fn a_process_that_is_killed_amid_writes_leaves_every_session_whole() {
    const ROUNDS: usize = 20;
    const SESSIONS: usize = 3;

    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    for round in 0..ROUNDS {
        let mut said = Said::default();
        for index in 0..SESSIONS {
            said.wrote
                .insert(index, (0, store(&here, "first", 0).await));
        }
        let mut node = Node::start(&folder, SECRET);
        let cookies: Vec<&str> = said
            .wrote
            .values()
            .map(|(_, cookie)| cookie.as_str())
            .collect();
        node.tell(&format!("storm {}", cookies.join(" ")));
        // Another moment in each round.
        for _ in 0..10 + 3 * round {
            said.hear(&node.answer());
        }
        for line in node.kill() {
            said.hear(&line);
        }
        said.check(&here).await;
        check_leftovers(&folder).await;
    }
}

#[tokio::test]
async fn a_sweep_disturbs_no_writer_of_another_process() {
    let (_parent, folder) = scratch();
    let here = sessions(&folder);
    let cookie = store(&here, "first", 0).await;
    let storage = FsStorage::new(&folder).unwrap();
    let mut node = Node::start(&folder, SECRET);
    node.tell(&format!("storm {cookie}"));
    let mut said = Said::default();
    said.hear(&node.answer());
    for _ in 0..100 {
        // A write that fails would be the process's last.
        said.hear(&node.answer());
        storage.delete_expired().await.unwrap();
    }
    for line in node.kill() {
        said.hear(&line);
    }
    said.check(&here).await;
}

/// What a killed process has said that it had done.
#[derive(Default)]
struct Said {
    /// By session: the last round, and the cookie after it.
    wrote: BTreeMap<usize, (u64, String)>,
    began: BTreeMap<String, u64>,
    ended: BTreeSet<String>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        match *line.split(' ').collect::<Vec<_>>() {
            ["wrote", index, round, cookie] => {
                let state = (round.parse().unwrap(), cookie.to_owned());
                self.wrote.insert(index.parse().unwrap(), state);
            }
            ["began", round, cookie] => {
                let round = round.parse().unwrap();
                self.began.insert(cookie.to_owned(), round);
            }
            ["ended", _, cookie] => {
                self.ended.insert(cookie.to_owned());
            }
            _ => panic!("the process says: {line}"),
        }
    }

    async fn check(&self, sessions: &Sessions) {
        for (round, cookie) in self.wrote.values() {
            let session = open(sessions, cookie).await;
            let first = session.get::<u64>("first").unwrap();
            assert!(
                first >= Some(*round),
                "a session was at {round}, and is at {first:?}"
            );
            if first > Some(0) {
                assert_eq!(
                    session.get::<u64>("second").unwrap(),
                    first,
                    "half of a commit is there"
                );
            }
            // Writing goes on: nothing is locked any more.
            session.set("after", true);
            commit(sessions, &session).await;
            assert!(open(sessions, cookie).await.has("after"));
        }
        for (cookie, round) in &self.began {
            let session = open(sessions, cookie).await;
            if self.ended.contains(cookie) {
                assert!(session.is_new(), "a session is back that had ended");
            } else if !session.is_new() {
                // The end of the last one may have been under way.
                assert_eq!(session.get("first").unwrap(), Some(*round));
                assert_eq!(session.get("second").unwrap(), Some(*round));
            }
        }
    }
}

/// Nothing but whole sessions is left once it was swept.
async fn check_leftovers(folder: &Path) {
    if let Some(session) = session_files(folder).first() {
        // Some rounds leave none: here is one.
        fs::copy(session, session.with_extension("tmp")).unwrap();
    }
    FsStorage::new(folder)
        .unwrap()
        .delete_expired()
        .await
        .unwrap();
    for (name, content) in files(folder) {
        if !name.ends_with("/.lock") {
            assert!(!name.contains(".corrupt"), "{name} was torn");
            assert!(
                session_files(folder).contains(&folder.join(&name)),
                "{name} is left"
            );
            serde_json::from_slice::<serde_json::Value>(&content).unwrap();
        }
    }
}
