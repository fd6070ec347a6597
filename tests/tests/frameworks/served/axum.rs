use std::net::TcpListener;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, Uri};
use session::{Session, SessionLayer};

use super::{Setup, act, is_error};

#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(listener: TcpListener, setup: &Setup) {
    let mut routes = Router::new()
        .route("/untouched", get(async || "nothing"))
        .fallback(any);
    for _ in 0..setup.middlewares {
        let layer = SessionLayer::from(setup.sessions.clone());
        routes = routes.layer(layer.commit_on_server_error(setup.commit_on_server_error));
    }
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    axum::serve(listener, routes).await.expect("it serves");
}

type Answer = (StatusCode, String);

async fn any(session: Session, uri: Uri) -> Result<Answer, Answer> {
    let (status, text) = act(uri.path(), &session);
    let answer = (StatusCode::from_u16(status).expect("a status"), text);
    if is_error(status) {
        Err(answer)
    } else {
        Ok(answer)
    }
}
