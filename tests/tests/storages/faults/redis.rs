//! What Redis can do beside dying: be full, forget scripts, be a replica, be busy, refuse a login, hold foreign values.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use http::StatusCode;
use session::storage::from_url;

use super::stage::{
    NOTHING, Stage, in_time, is_not_committed, is_not_loaded, logged, says_why, visitor, written,
};
use crate::support::servers::redis::Redis;

#[tokio::test]
async fn full_server_is_a_503_and_keeps_what_it_has() {
    let arguments = ["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"];
    let stage = Stage::of(Redis::start_with(&arguments));
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;

    // A script that has begun may write as much as it likes.
    let fill = "redis.call('SET', 'other', string.rep('x', 4 * 1024 * 1024))";
    stage.server.ask(&["EVAL", fill, "0"]);
    for who in [&ada, &client] {
        let (answer, log) = logged(who, "/write/eve").await;
        is_not_committed(&answer);
        says_why(&log);
        assert!(log.contains("OOM") && !log.contains("eve"), "{log}");
    }
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));

    stage.server.ask(&["DEL", "other"]);
    ada.peek("/write/eve").await.ok();
    assert_eq!(ada.peek("/look").await.ok(), written("eve"));
    visitor(&client, "bob").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn script_that_the_server_has_forgotten_is_sent_again() {
    let stage = Stage::of(Redis::start());
    let ada = visitor(&stage.client().await, "ada").await;
    ada.peek("/write/bob").await.ok();

    stage.server.ask(&["SCRIPT", "FLUSH"]);
    ada.peek("/write/eve").await.ok();
    assert_eq!(ada.peek("/look").await.ok(), written("eve"));

    let request = ada.start("/slow/joe");
    stage.entered().await;
    stage.server.ask(&["SCRIPT", "FLUSH"]);
    stage.leave().await;
    in_time(request).await.unwrap().ok();
    assert_eq!(ada.peek("/look").await.ok(), written("joe"));
}

#[tokio::test]
async fn replica_shows_sessions_and_answers_a_commit_by_a_503_until_it_is_promoted() {
    let stage = Stage::of(Redis::start());
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;

    // Of a server that is not there: what it holds is what it held before.
    stage.server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    for who in [&ada, &client] {
        let (answer, log) = logged(who, "/write/eve").await;
        is_not_committed(&answer);
        says_why(&log);
        assert!(log.contains("READONLY") && !log.contains("eve"), "{log}");
    }
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));

    stage.server.ask(&["REPLICAOF", "NO", "ONE"]);
    ada.peek("/write/eve").await.ok();
    assert_eq!(ada.peek("/look").await.ok(), written("eve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_busy_with_a_script_is_a_503_until_the_script_is_killed() {
    let stage = Stage::of(Redis::start());
    let client = stage.client().await;
    let ada = visitor(&client, "ada").await;
    // After so many milliseconds it answers others, by BUSY.
    stage.server.ask(&["CONFIG", "SET", "lua-time-limit", "1"]);
    for kill_before_commit in [true, false] {
        let request = ada.start("/slow/eve");
        stage.entered().await;
        let mut other = TcpStream::connect(("127.0.0.1", stage.server.port())).unwrap();
        other.write_all(b"EVAL 'while true do end' 0\r\n").unwrap();
        while stage.server.try_ask(&["PING"]).is_ok() {}
        let (answer, log) = logged(&ada, "/look").await;
        is_not_loaded(&answer);
        says_why(&log);
        assert!(log.contains("BUSY"), "{log}");
        if kill_before_commit {
            kill_script(&stage.server);
            stage.leave().await;
            in_time(request).await.unwrap().ok();
            assert_eq!(ada.peek("/look").await.ok(), written("eve"));
            ada.peek("/write/ada").await.ok();
        } else {
            stage.leave().await;
            is_not_committed(&in_time(request).await.unwrap());
            kill_script(&stage.server);
            assert_eq!(ada.peek("/look").await.ok(), written("ada"));
        }
    }
}

/// How many connections a storage has.
const CONNECTIONS: usize = 3;

#[tokio::test]
async fn every_connection_is_used_and_comes_back_without_a_request_that_fails() {
    let arguments = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut stage = Stage::of(Redis::start_with(&arguments));
    let ada = visitor(&stage.client().await, "ada").await;
    let all_are_used = async |stage: &Stage<Redis>| {
        for _ in 0..CONNECTIONS {
            assert_eq!(ada.peek("/look").await.ok(), written("ada"));
        }
        let clients = stage.server.ask(&["CLIENT", "LIST", "TYPE", "normal"]);
        assert_eq!(
            clients.matches(" cmd=get ").count(),
            CONNECTIONS,
            "{clients}"
        );
        for _ in 0..CONNECTIONS {
            ada.peek("/write/ada").await.ok();
        }
    };
    all_are_used(&stage).await;

    stage.server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    all_are_used(&stage).await;

    stage.server.restart();
    all_are_used(&stage).await;

    stage.server.kill();
    for _ in 0..CONNECTIONS {
        is_not_loaded(&ada.peek("/look").await);
    }
    stage.server.restart();
    all_are_used(&stage).await;
}

/// It ends a moment after it was told to.
fn kill_script(redis: &Redis) {
    redis.ask(&["SCRIPT", "KILL"]);
    while redis.try_ask(&["PING"]).is_err() {}
}

#[tokio::test]
async fn wrong_password_is_an_error_at_the_start_and_is_not_shown() {
    let redis = Redis::start();
    redis.ask(&["CONFIG", "SET", "requirepass", "opensesame"]);
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}", redis.port());
    for login in ["", ":hunter2@", "hunter2:hunter2@"] {
        let error = from_url(&url(login)).await.unwrap_err();
        let shown = shown(&error).to_lowercase();
        assert!(shown.contains("authentication"), "{shown}");
        for secret in ["opensesame", "hunter2"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    from_url(&url(":opensesame@")).await.unwrap();
}

#[tokio::test]
async fn server_that_is_not_there_is_an_error_at_the_start_that_says_why() {
    // Nobody listens on port 1.
    for url in ["redis://127.0.0.1:1", "redis-cluster://127.0.0.1:1"] {
        let error = from_url(url).await.unwrap_err();
        assert!(
            shown(&error).to_lowercase().contains("refused"),
            "{}",
            shown(&error)
        );
    }
}

/// All that an error shows.
fn shown(error: &dyn std::error::Error) -> String {
    let mut shown = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown = format!("{shown}: {cause} {cause:?}");
        source = cause.source();
    }
    shown
}

#[tokio::test]
async fn password_that_is_changed_is_a_503_at_the_next_connection_and_is_not_shown() {
    let redis = Redis::start();
    redis.ask(&["ACL", "SETUSER", "shop", "on", ">opensesame", "~*", "+@all"]);
    let stage = Stage::of(redis);
    let client = stage.client_as("shop:opensesame").await;
    let ada = visitor(&client, "ada").await;

    stage
        .server
        .ask(&["ACL", "SETUSER", "shop", "resetpass", ">hunter2"]);
    stage.server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    let (answer, log) = logged(&ada, "/look").await;
    is_not_loaded(&answer);
    says_why(&log);
    for secret in ["opensesame", "hunter2"] {
        assert!(!log.contains(secret), "{log}");
    }

    stage.server.ask(&["ACL", "SETUSER", "shop", ">opensesame"]);
    assert_eq!(ada.peek("/look").await.ok(), written("ada"));
}

/// With a password the server refuses it, without one it only hangs up.
#[tokio::test]
async fn server_without_a_free_connection_is_a_503_until_it_has_one() {
    for has_login in [true, false] {
        let redis = Redis::start();
        redis.ask(&["ACL", "SETUSER", "shop", "on", ">opensesame", "~*", "+@all"]);
        let stage = Stage::of(redis);
        let client = if has_login {
            stage.client_as("shop:opensesame").await
        } else {
            stage.client().await
        };
        let ada = visitor(&client, "ada").await;

        let others = take_all_places(stage.server.port());
        for _ in 0..2 * CONNECTIONS {
            let (answer, log) = logged(&ada, "/look").await;
            is_not_loaded(&answer);
            says_why(&log);
        }

        others.into_iter().for_each(leave);
        for _ in 0..CONNECTIONS {
            assert_eq!(ada.peek("/look").await.ok(), written("ada"));
        }
    }
}

/// Leaves the server as many places as the storage takes, all of them taken: by connections that are the only ones.
fn take_all_places(port: u16) -> Vec<TcpStream> {
    let say = |commands: &str, expected: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(commands.as_bytes()).unwrap();
        let mut answers = vec![0; expected.len()];
        stream.read_exact(&mut answers).unwrap();
        assert_eq!(String::from_utf8_lossy(&answers), expected);
        stream
    };
    let limit = format!("CONFIG SET maxclients {CONNECTIONS}\r\n");
    let only = say(
        &format!("{limit}CLIENT KILL TYPE normal\r\n"),
        &format!("+OK\r\n:{CONNECTIONS}\r\n"),
    );
    let others = (1..CONNECTIONS).map(|_| say("PING\r\n", "+PONG\r\n"));
    std::iter::once(only).chain(others).collect()
}

/// Waits until its place is free.
fn leave(mut stream: TcpStream) {
    stream.write_all(b"QUIT\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

const FOREIGN: [&[&str]; 3] = [
    &["SET", "hunter2"],
    &["RPUSH", "hunter2"],
    &["HSET", "hunter2", "hunter2"],
];

/// Puts something else where the one session is.
fn replace(redis: &Redis, foreign: &[&str]) -> String {
    let key = redis.ask(&["KEYS", "*"]);
    redis.ask(&["DEL", &key]);
    let mut command = foreign.to_vec();
    command.insert(1, &key);
    redis.ask(&command);
    key
}

#[tokio::test]
async fn foreign_value_is_a_new_session_and_is_reported_once_without_it() {
    for foreign in FOREIGN {
        let stage = Stage::of(Redis::start());
        let client = stage.client().await;
        let mut ada = visitor(&client, "ada").await;
        let key = replace(&stage.server, foreign);

        let (answer, log) = logged(&ada, "/look").await;
        assert_eq!(answer.ok(), NOTHING);
        answer.sets_no_cookie();
        assert_eq!(log.matches("ERROR").count(), 1, "{log}");
        assert!(
            !log.contains("hunter2") && !log.contains(&key[10..]),
            "{log}"
        );

        let before = ada.value().to_owned();
        ada.get("/write/eve").await.ok();
        assert_ne!(ada.value(), before);
        assert_eq!(ada.peek("/look").await.ok(), written("eve"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_that_turns_foreign_during_a_request_is_no_loop_of_errors() {
    for foreign in FOREIGN {
        let stage = Stage::of(Redis::start());
        let mut ada = visitor(&stage.client().await, "ada").await;
        let request = ada.start("/slow/eve");
        stage.entered().await;
        replace(&stage.server, foreign);
        stage.leave().await;
        let answer = in_time(request).await.unwrap();
        answer.sets_no_cookie();
        assert!(
            matches!(
                answer.status,
                StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE
            ),
            "{}",
            answer.status
        );
        assert_eq!(ada.peek("/look").await.ok(), NOTHING);
        ada.get("/write/joe").await.ok();
        assert_eq!(ada.peek("/look").await.ok(), written("joe"));
    }
}

/// Redis quotes what it was sent.
#[tokio::test]
async fn command_that_the_server_does_not_know_is_a_503_and_the_record_is_not_logged() {
    for command in ["SET", "EVALSHA"] {
        let stage = Stage::of(Redis::start_with(&["--rename-command", command, ""]));
        let client = stage.client().await;
        let who = if command == "SET" {
            client
        } else {
            visitor(&client, "ada").await
        };
        let (answer, log) = logged(&who, "/write/hunter2").await;
        is_not_committed(&answer);
        says_why(&log);
        assert!(log.contains("unknown command"), "{log}");
        let key = log.replace("session::", "").contains("session:");
        assert!(!key && !log.contains("hunter2"), "{log}");
    }
}
