use std::net::TcpListener;

use salvo_core::conn::tcp::TcpAcceptor;
use salvo_core::prelude::*;
use session::Session;
use session::web::salvo::SessionHoop;

use super::{Setup, act, is_error};

#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(listener: TcpListener, setup: &Setup) {
    let mut routes = Router::new()
        .push(Router::with_path("untouched").get(untouched))
        .push(Router::with_path("{path}").get(any));
    for _ in 0..setup.middlewares {
        let sessions = SessionHoop::from(setup.sessions.clone());
        routes = routes.hoop(sessions.commit_on_server_error(setup.commit_on_server_error));
    }
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    let acceptor = TcpAcceptor::try_from(listener).expect("an address");
    Server::new(acceptor).serve(routes).await;
}

#[handler]
async fn untouched() -> &'static str {
    "nothing"
}

#[handler]
async fn any(
    session: Session,
    request: &mut Request,
    response: &mut Response,
) -> Result<(), StatusError> {
    let (code, text) = act(request.uri().path(), &session);
    let status = StatusCode::from_u16(code).expect("a status");
    if is_error(code) {
        return Err(StatusError::from_code(status).expect("an error's status"));
    }
    response.status_code(status);
    response.render(text);
    Ok(())
}
