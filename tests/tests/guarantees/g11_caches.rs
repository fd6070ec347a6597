//! G11: a cache that keeps a response cannot hand a session to somebody else.

use axum::Router;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, VARY};
use session::Session;

use super::app;
use super::stage::Stage;
use crate::support::client::SetCookie;

on_backends!(
    a_response_that_used_the_session_varies_by_the_cookie,
    a_response_with_a_set_cookie_is_not_stored_by_caches,
    a_handlers_own_vary_is_added_to,
    a_handlers_own_cache_control_stays,
);
in_the_cookie!(
    a_response_that_used_the_session_varies_by_the_cookie,
    a_response_with_a_set_cookie_is_not_stored_by_caches,
    a_handlers_own_vary_is_added_to,
    a_handlers_own_cache_control_stays,
);

async fn a_response_that_used_the_session_varies_by_the_cookie(stage: Stage) {
    let mut client = stage.client(app::routes());
    for path in [
        "/show",
        "/do/look",
        "/do/set-key",
        "/show",
        "/do/logout",
        "/do/nothing-such",
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.header(VARY), ["Cookie"], "{path}");
        let is_private = answer.cookie() != SetCookie::None;
        assert_eq!(
            answer.header(CACHE_CONTROL).is_empty(),
            !is_private,
            "{path}"
        );
    }
}

async fn a_response_with_a_set_cookie_is_not_stored_by_caches(stage: Stage) {
    let mut client = stage.client(app::routes());
    for path in [
        "/do/set-key",
        "/do/login",
        "/do/grace-3",
        "/do/goodbye",
        "/do/logout",
    ] {
        let answer = client.get(path).await;
        assert_ne!(answer.cookie(), SetCookie::None, "{path}");
        assert_eq!(answer.header(CACHE_CONTROL), ["no-store"], "{path}");
    }
}

async fn a_handlers_own_vary_is_added_to(stage: Stage) {
    fn vary(session: &Session, own: &'static [&'static str]) -> Response {
        session.set("key", 1);
        let own = own.iter().map(|&value| (VARY, value));
        AppendHeaders(own.collect::<Vec<_>>()).into_response()
    }
    let routes = Router::new()
        .route("/none", get(async |session: Session| vary(&session, &[])))
        .route(
            "/other",
            get(async |session: Session| vary(&session, &["Accept-Encoding"])),
        )
        .route(
            "/several",
            get(async |session: Session| vary(&session, &["Accept", "Origin, accept-language"])),
        )
        .route(
            "/same",
            get(async |session: Session| vary(&session, &["accept, cookie"])),
        )
        .route(
            "/prefix",
            get(async |session: Session| vary(&session, &["Cookie2"])),
        )
        .route("/any", get(async |session: Session| vary(&session, &["*"])));
    let client = stage.client(routes);
    let cases: [(&str, &[&str]); 6] = [
        ("/none", &["Cookie"]),
        ("/other", &["Accept-Encoding", "Cookie"]),
        ("/several", &["Accept", "Origin, accept-language", "Cookie"]),
        ("/same", &["accept, cookie"]),
        ("/prefix", &["Cookie2", "Cookie"]),
        ("/any", &["*"]),
    ];
    for (path, expected) in cases {
        let answer = client.peek(path).await;
        answer.ok();
        assert_eq!(answer.header(VARY), expected, "{path}");
    }
}

async fn a_handlers_own_cache_control_stays(stage: Stage) {
    let own = async |session: Session| {
        session.set("key", 1);
        ([(CACHE_CONTROL, "private, max-age=60")], "kept")
    };
    let client = stage.client(Router::new().route("/", get(own)));
    let answer = client.peek("/").await;
    assert!(matches!(answer.cookie(), SetCookie::Set { .. }));
    assert_eq!(answer.header(CACHE_CONTROL), ["private, max-age=60"]);
}
