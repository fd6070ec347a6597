//! Files that are no sessions, disks that are full, folders that are gone.

use std::fs;
use std::path::Path;

use axum::http::StatusCode;
use session::Error;

use crate::support::log::Log;

use super::{commit, counter, files, open, scratch, session_files, sessions, store, visit};

/// Ways in which a file that was a session can be one no more.
fn damaged(session: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let record = |record: &str| format!(r#"{{"version":1,"record":{record}}}"#).into_bytes();
    vec![
        ("truncated", session[..session.len() / 2].to_vec()),
        ("truncated by a byte", session[..session.len() - 1].to_vec()),
        ("continued", [session, b"}"].concat()),
        ("empty", Vec::new()),
        ("zeros", vec![0; session.len()]),
        ("garbage", vec![0xff, 0xfe, 0, 1, 2, 3, b'{', b'"']),
        ("deep", vec![b'['; 100_000]),
        ("another value", text("null")),
        ("another object", text("{}")),
        ("no record", text(r#"{"version":1}"#)),
        (
            "no version",
            text(r#"{"record":{"format":1,"created_at":0,"values":{}}}"#),
        ),
        (
            "a version that is no number",
            text(r#"{"version":"1","record":{"format":1,"created_at":0,"values":{}}}"#),
        ),
        (
            "a version too large",
            text(
                r#"{"version":99999999999999999999,"record":{"format":1,"created_at":0,"values":{}}}"#,
            ),
        ),
        ("a record that is none", record("[]")),
        ("a record without a format", record(r#"{"values":{}}"#)),
        (
            "values that are none",
            record(r#"{"format":1,"created_at":0,"values":[]}"#),
        ),
        (
            "an end without a reason",
            record(r#"{"format":1,"created_at":0,"ended":7}"#),
        ),
        (
            "an end that leads nowhere",
            record(r#"{"format":1,"created_at":0,"ended":{"successor":"../../secret"}}"#),
        ),
        (
            "an end that is a number",
            record(r#"{"format":1,"created_at":0,"ended":{"successor":7}}"#),
        ),
    ]
}

#[tokio::test]
async fn a_corrupt_file_is_reported_once_and_reads_as_a_new_session() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let count = damaged(b"some text").len();
    for index in 0..count {
        let cookie = store(&sessions, "visits", 41).await;
        let file = session_files(&folder).remove(0);
        let (what, content) = damaged(&fs::read(&file).unwrap()).swap_remove(index);
        fs::write(&file, &content).unwrap();

        let log = Log::start();
        let session = open(&sessions, &cookie).await;
        assert!(session.is_new() && session.is_empty(), "{what}");
        assert_eq!(log.lines("ERROR"), 1, "{what}: {}", log.text());
        assert!(!file.exists(), "{what}");
        assert_eq!(
            fs::read(file.with_extension("corrupt")).unwrap(),
            content,
            "{what}: kept to be looked at"
        );

        assert!(open(&sessions, &cookie).await.is_new(), "{what}");
        assert_eq!(
            log.lines("ERROR"),
            1,
            "{what}: reported again: {}",
            log.text()
        );
        assert!(
            !log.text().contains(cookie.split('.').next().unwrap()),
            "{what}: the log has the id"
        );
        fs::remove_file(file.with_extension("corrupt")).unwrap();
    }
}

#[tokio::test]
async fn a_corrupt_file_causes_no_loop_of_errors_in_an_application() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let app = counter(&sessions);
    let count = damaged(b"some text").len();
    for index in 0..count {
        let cookie = store(&sessions, "visits", 41).await;
        let all = session_files(&folder);
        let [file] = all.as_slice() else {
            panic!("one session")
        };
        let (what, content) = damaged(&fs::read(file).unwrap()).swap_remove(index);
        fs::write(file, content).unwrap();

        let (status, visits, new_cookie) = visit(&app, &cookie).await;
        assert_eq!((status, visits.as_str()), (StatusCode::OK, "1"), "{what}");
        let new_cookie = new_cookie.expect("a new session");
        assert_eq!(visit(&app, &new_cookie).await.1, "2", "{what}");
        assert_eq!(
            visit(&app, &cookie).await.0,
            StatusCode::OK,
            "{what}: the old cookie again"
        );

        for file in session_files(&folder) {
            fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_under_whose_hands_the_file_breaks_fails_and_the_next_one_begins_anew() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let cookie = store(&sessions, "visits", 41).await;
    let file = session_files(&folder).remove(0);
    let session = open(&sessions, &cookie).await;
    session.set("visits", 42);
    fs::write(&file, "{").unwrap();

    assert!(matches!(
        sessions.commit(&session).await,
        Err(Error::Storage(_))
    ));
    assert_eq!(fs::read(&file).unwrap(), b"{", "nothing was overwritten");
    assert_eq!(visit(&counter(&sessions), &cookie).await.1, "1");
}

#[tokio::test]
async fn a_session_of_a_newer_format_is_refused_and_kept() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let cookie = store(&sessions, "visits", 41).await;
    let file = session_files(&folder).remove(0);
    let newer = br#"{"version":1,"record":{"format":999,"created_at":0,"values":{}}}"#;
    fs::write(&file, newer).unwrap();

    for _ in 0..2 {
        assert_eq!(
            visit(&counter(&sessions), &cookie).await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    assert_eq!(fs::read(&file).unwrap(), newer);
}

/// Writes to that device fail as they do on a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_an_error_and_the_session_stays_as_it_was() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let app = counter(&sessions);
    let cookie = store(&sessions, "visits", 41).await;
    let file = session_files(&folder).remove(0);
    let temporary = file.with_extension("tmp");
    let session = open(&sessions, &cookie).await;
    session.set("theme", "dark");

    std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error, Error::Storage(_)));
    let (status, body, set_cookie) = visit(&app, &cookie).await;
    assert_eq!(
        (status, body.as_str(), set_cookie),
        (StatusCode::SERVICE_UNAVAILABLE, "", None)
    );
    assert_eq!(
        open(&sessions, &cookie).await.data(),
        serde_json::json!({ "visits": 41 })
    );

    fs::remove_file(temporary).unwrap();
    session.commit().await.unwrap();
    assert_eq!(visit(&app, &cookie).await.1, "42");
    assert_eq!(
        open(&sessions, &cookie).await.data(),
        serde_json::json!({ "theme": "dark", "visits": 42 })
    );
}

#[tokio::test]
async fn a_folder_that_has_become_a_file_is_an_error_until_it_is_back() {
    let (parent, folder) = scratch();
    is_unavailable_while(&folder, |elsewhere| {
        fs::rename(&folder, elsewhere).unwrap();
        fs::write(&folder, "a file").unwrap();
    })
    .await;
    drop(parent);
}

#[tokio::test]
async fn a_folder_that_has_gone_is_an_error_until_it_is_back() {
    let (parent, folder) = scratch();
    is_unavailable_while(&folder, |elsewhere| fs::rename(&folder, elsewhere).unwrap()).await;
    drop(parent);
}

/// While the folder is not there nothing is served and nothing is made in its place; afterwards all is as it was.
async fn is_unavailable_while(folder: &Path, happens: impl FnOnce(&Path)) {
    let sessions = sessions(folder);
    let app = counter(&sessions);
    let cookie = store(&sessions, "visits", 41).await;
    let session = open(&sessions, &cookie).await;
    session.set("theme", "dark");
    let new = open(&sessions, "").await;
    new.set("theme", "light");

    let elsewhere = folder.with_extension("elsewhere");
    happens(&elsewhere);
    let opened = sessions.open([format!("session={cookie}")]).await;
    assert!(
        matches!(opened, Err(Error::Storage(_))),
        "an empty session instead of an error"
    );
    for session in [&session, &new] {
        assert!(matches!(
            sessions.commit(session).await,
            Err(Error::Storage(_))
        ));
    }
    for cookie in [cookie.as_str(), ""] {
        let (status, _, set_cookie) = visit(&app, cookie).await;
        assert_eq!(
            (status, set_cookie),
            (StatusCode::SERVICE_UNAVAILABLE, None)
        );
    }
    assert!(!folder.is_dir(), "a folder was made in its place");

    if folder.exists() {
        fs::remove_file(folder).unwrap();
    }
    fs::rename(elsewhere, folder).unwrap();
    assert_eq!(visit(&app, &cookie).await.1, "42");
    commit(&sessions, &session).await;
    assert!(commit(&sessions, &new).await.is_some());
    assert_eq!(
        open(&sessions, &cookie).await.data(),
        serde_json::json!({ "theme": "dark", "visits": 42 })
    );
    assert!(!files(folder).is_empty());
}
