//! What a storage holds: no id in the clear, whoever reads its disk or its memory (G8).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::place::{Place, commit, open};

on_shared_storages!(no_id_and_no_cookie_is_at_rest);

async fn no_id_and_no_cookie_is_at_rest(place: &Place) {
    const VALUE: &str = "a value that is searched for";

    let sessions = place.sessions().await;
    let session = open(&sessions, "").await;
    session.set("key", VALUE);
    let mut cookies = vec![commit(&sessions, &session).await.expect("a new session")];
    let key = session.id().storage_key().to_string();
    for keeps_old in [false, true] {
        let cookie = cookies.last().expect("there is one");
        let session = open(&sessions, cookie).await;
        if keeps_old {
            session.regenerate_id_keeping_old(Duration::from_secs(60));
        } else {
            session.regenerate_id();
        }
        cookies.push(commit(&sessions, &session).await.expect("a new id"));
    }

    let dump = place.dump();
    let holds = |bytes: &[u8]| dump.windows(bytes.len()).any(|window| window == bytes);
    assert!(
        holds(VALUE.as_bytes()) && holds(key.as_bytes()),
        "the dump is of the sessions"
    );
    for cookie in cookies {
        let (id, signature) = cookie.split_once('.').expect("an id and a signature");
        let raw = BASE64_URL_SAFE_NO_PAD.decode(id).expect("base64url");
        let hex = raw.iter().map(|byte| format!("{byte:02x}"));
        let hex = hex.collect::<Vec<_>>().concat();
        assert_eq!(raw.len(), 32);
        for secret in [id.as_bytes(), signature.as_bytes(), &raw, hex.as_bytes()] {
            assert!(!holds(secret), "an id is at rest");
        }
    }
}
