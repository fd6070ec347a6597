//! What is in the folder, and who can see it.

use std::fs;
use std::time::Duration;

use session::storage::Sweep as _;
use session::testing::TestClock;
use session::{Expiry, FsStorage, Sessions, StorageError};

use super::{commit, cookie, counter, files, open, scratch, session_files, sessions, store, visit};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_session_is_one_file_under_the_first_two_digits_of_its_key() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let session = open(&sessions, "").await;
    session.set("theme", "dark");
    session.flash("notice", "Saved.");
    commit(&sessions, &session).await;

    let key = session.id().storage_key().to_string();
    let names: Vec<String> = files(&folder).into_keys().collect();
    assert_eq!(
        names,
        [
            format!("{}/.lock", &key[..2]),
            format!("{}/{key}", &key[..2])
        ]
    );

    let json = fs::read_to_string(&session_files(&folder)[0]).unwrap();
    let created = session
        .created_at()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let record = format!(
        r#"{{"format":1,"created_at":{created},"values":{{"theme":"dark"}},"flash":{{"notice":"Saved."}}}}"#
    );
    assert_eq!(json, format!(r#"{{"version":1,"record":{record}}}"#));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let cookie = store(&sessions, "user", 7).await;
    let session = open(&sessions, &cookie).await;
    session.set("user", 8);
    session.regenerate_id();
    commit(&sessions, &session).await;

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for shard in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&shard.unwrap().path()), 0o700);
    }
    let files = files(&folder);
    assert!(files.len() >= 3, "two sessions and a lock at least");
    for name in files.keys() {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn no_id_is_in_the_folder() {
    let (_parent, folder) = scratch();
    let sessions = sessions(&folder);
    let first = store(&sessions, "user", 7).await;
    let session = open(&sessions, &first).await;
    session.regenerate_id_keeping_old(HOUR);
    let second = commit(&sessions, &session).await.unwrap();
    assert!(
        !open(&sessions, &first).await.is_new(),
        "the old id leads to the new one"
    );

    for (name, content) in files(&folder) {
        let content = String::from_utf8(content).unwrap();
        for cookie in [&first, &second] {
            for secret in cookie.split('.') {
                assert!(
                    !name.contains(secret) && !content.contains(secret),
                    "a secret is in {name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let (_parent, folder) = scratch();
    let (_, _, cookie) = visit(&counter(&sessions(&folder)), "").await;
    let (_, visits, _) = visit(&counter(&sessions(&folder)), &cookie.unwrap()).await;
    assert_eq!(visits, "2");
}

#[tokio::test]
async fn a_sweep_takes_what_has_expired_and_nothing_else() {
    let (_parent, folder) = scratch();
    let clock = TestClock::new();
    let storage = FsStorage::new(&folder).unwrap().clock(clock.clone());
    let expiry = Expiry {
        idle: HOUR,
        absolute: 24 * HOUR,
    };
    let sessions = Sessions::new(cookie(), storage.clone())
        .expiry(expiry)
        .clock(clock.clone());
    let mut cookies = Vec::new();
    for number in 0..8 {
        cookies.push(store(&sessions, "number", number).await);
        clock.advance(HOUR / 8);
    }
    // The first one is at its limit now; the second one was used again.
    let session = open(&sessions, &cookies[1]).await;
    commit(&sessions, &session).await;
    clock.advance(HOUR / 4);

    assert_eq!(storage.delete_expired().await.unwrap(), 2);
    assert_eq!(storage.delete_expired().await.unwrap(), 0);
    assert_eq!(session_files(&folder).len(), 6);
    for (number, cookie) in cookies.iter().enumerate() {
        let is_gone = number == 0 || number == 2;
        assert_eq!(
            open(&sessions, cookie).await.is_new(),
            is_gone,
            "session {number}"
        );
    }
}

#[tokio::test]
async fn a_sweep_leaves_what_is_not_ours() {
    let (_parent, folder) = scratch();
    let storage = FsStorage::new(&folder).unwrap();
    store(&sessions(&folder), "user", 7).await;
    let strangers = [
        "notes.txt",
        "draft.tmp",
        "uploads/draft.tmp",
        "uploads/photo.jpg",
        "ff/README.tmp",
    ];
    for name in strangers {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "not ours").unwrap();
    }

    storage.delete_expired().await.unwrap();

    let left = files(&folder);
    for name in strangers {
        assert!(left.contains_key(name), "{name} was deleted");
    }
    assert!(
        !left.contains_key("uploads/.lock"),
        "a lock was put into a folder that is not ours"
    );
}

#[test]
fn a_folder_that_cannot_be_one_is_an_error_from_the_start() {
    let (parent, folder) = scratch();
    fs::write(&folder, "a file").unwrap();
    for path in [
        folder.clone(),
        folder.join("below"),
        parent.path().join("a\0b"),
    ] {
        let error = FsStorage::new(&path).unwrap_err();
        assert!(matches!(error, StorageError::Unavailable(_)));
        let cause = std::error::Error::source(&error).expect("the operating system says why");
        assert!(!cause.to_string().is_empty());
    }
    assert_eq!(fs::read_to_string(folder).unwrap(), "a file");
}

#[test]
fn a_folder_is_made_with_those_above_it_and_left_as_it_is_when_it_is_there() {
    let (parent, folder) = scratch();
    let deep = folder.join("deep/down");
    FsStorage::new(&deep).unwrap();
    fs::write(deep.join("notes.txt"), "keep").unwrap();
    FsStorage::new(&deep).unwrap();
    assert_eq!(
        files(parent.path()).into_keys().collect::<Vec<_>>(),
        ["sessions/deep/down/notes.txt"]
    );
}

#[tokio::test]
async fn hostile_cookies_never_reach_the_files() {
    let (parent, folder) = scratch();
    let sessions = sessions(&folder);
    let known = store(&sessions, "user", 7).await;
    fs::write(parent.path().join("secret.txt"), "outside").unwrap();
    let before = files(parent.path());

    let (id, signature) = known.split_once('.').unwrap();
    let long = "A".repeat(10_000);
    let key = session_files(&folder).remove(0);
    let key = key.file_name().unwrap().to_str().unwrap();
    let ids = [
        "..",
        "../",
        "../secret.txt",
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "%2e%2e%2f",
        ".lock",
        "~",
        "",
        &long,
        key,
    ];
    let mut values: Vec<String> = ids.iter().map(|id| format!("{id}.{signature}")).collect();
    values.extend(ids.map(str::to_owned));
    values.extend(["\0", "a\0b", "\u{1}", "é", "a/../b"].map(|odd| format!("{odd}{known}")));
    values.extend([
        format!("{id}\0.{signature}"),
        format!("{known}\0"),
        format!("{id}/.{signature}"),
    ]);
    for value in &values {
        let session = open(&sessions, value).await;
        assert!(session.is_new() && session.is_empty(), "{value:?}");
        assert!(commit(&sessions, &session).await.is_none(), "{value:?}");
    }
    assert_eq!(files(parent.path()), before);

    let app = counter(&sessions);
    for value in &values {
        if !value.contains(char::is_control) {
            let (status, visits, _) = visit(&app, value).await;
            assert_eq!((status.as_u16(), visits.as_str()), (200, "1"), "{value:?}");
        }
    }
    let after = files(parent.path());
    for (name, content) in &before {
        assert_eq!(after.get(name), Some(content), "{name} changed");
    }
    // The visitors' own sessions are all that has come.
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        let is_session = session_files(&folder).contains(&parent.path().join(name));
        assert!(is_session || name.ends_with("/.lock"), "{name}");
    }
}
