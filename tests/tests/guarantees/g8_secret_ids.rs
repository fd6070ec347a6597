//! G8: at rest an id is only its hash. What is shown and logged is searched in `secrets.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::app;
use super::stage::Stage;
use crate::support::client::Client;

/// Every way in which an id may stand in a file.
fn forms(cookie_value: &str) -> Vec<Vec<u8>> {
    let (id, signature) = cookie_value.split_once('.').unwrap();
    let both = [id, signature].into_iter().flat_map(|text| {
        let raw = URL_SAFE_NO_PAD.decode(text).unwrap();
        assert_eq!((text.len(), raw.len()), (43, 32), "256 bits");
        // Without the last characters, which depend on what follows.
        let standard = STANDARD_NO_PAD.encode(&raw).as_bytes()[..42].to_vec();
        let hex = raw
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let upper = hex.to_uppercase().into_bytes();
        [
            text.as_bytes()[..42].to_vec(),
            raw,
            standard,
            hex.into_bytes(),
            upper,
        ]
    });
    both.collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn a_folder_of_sessions_holds_no_id_and_no_signature_in_any_form() {
    let stage = Stage::files();
    let mut client = stage.client(app::routes());
    let mut given_out: Vec<Client> = Vec::new();
    for what in [
        "set-key",
        "login",
        "grace-30",
        "grace-3000",
        "flash-notice",
        "rotate",
        "goodbye",
    ] {
        client.get(&format!("/do/{what}")).await.ok();
        given_out.push(client.clone());
        // While the marks of replaced ids are there.
        let at_rest = stage.bytes_at_rest();
        for known in &given_out {
            for form in forms(known.value()) {
                assert!(!contains(&at_rest, &form), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_search_of_the_folder_finds_what_is_there() {
    let stage = Stage::files();
    let mut client = stage.client(app::routes());
    client.get("/do/set-key").await.ok();
    let planted = client.value().to_owned();
    client.get(&format!("/do/set-{planted}")).await.ok();
    let at_rest = stage.bytes_at_rest();
    assert!(forms(&planted).iter().any(|form| contains(&at_rest, form)));
}

#[tokio::test]
async fn a_sealed_cookie_shows_neither_key_nor_value() {
    let stage = Stage::cookie();
    let mut client = stage.client(app::routes());
    client.get("/do/set-hunter2").await.ok();
    let sealed = URL_SAFE_NO_PAD.decode(client.value()).unwrap();
    assert!(!contains(&sealed, b"hunter2") && !client.value().contains("hunter2"));
    assert_eq!(client.peek("/show").await.ok(), r#"{"hunter2":"hunter2"}"#);
}
