//! Processes that are killed amid writes, and a sweep beside a writer. What several processes do to one storage is tested on
//! every storage that they can share: see `storages/processes.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use session::storage::Sweep as _;
use session::{FsStorage, Sessions};

use super::{SECRET, commit, files, open, scratch, session_files, sessions, store};
use crate::support::node::Node;

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
        let mut node = Node::start(&url(&folder), SECRET);
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
    let mut node = Node::start(&url(&folder), SECRET);
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

fn url(folder: &Path) -> String {
    format!("file:{}", folder.display())
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
