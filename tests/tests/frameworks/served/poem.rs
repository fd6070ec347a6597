use std::net::TcpListener;

use poem::http::{StatusCode, Uri};
use poem::listener::TcpAcceptor;
use poem::{EndpointExt, Error, Route, Server, get, handler};
use session::Session;
use session::web::poem::SessionMiddleware;

use super::{Setup, act, is_error};

#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(listener: TcpListener, setup: &Setup) {
    let mut routes = Route::new()
        .at("/untouched", get(untouched))
        .at("/*", get(any))
        .boxed();
    for _ in 0..setup.middlewares {
        let sessions = SessionMiddleware::from(setup.sessions.clone());
        let sessions = sessions.commit_on_server_error(setup.commit_on_server_error);
        routes = routes.with(sessions).map_to_response().boxed();
    }
    let acceptor = TcpAcceptor::from_std(listener).expect("a runtime");
    let server = Server::new_with_acceptor(acceptor);
    server.run(routes).await.expect("it serves");
}

#[handler]
fn untouched() -> &'static str {
    "nothing"
}

#[allow(clippy::needless_pass_by_value, reason = "it is extracted by value")]
#[handler]
fn any(session: Session, uri: &Uri) -> poem::Result<(StatusCode, String)> {
    let (code, text) = act(uri.path(), &session);
    let status = StatusCode::from_u16(code).expect("a status");
    if is_error(code) {
        Err(Error::from_string(text, status))
    } else {
        Ok((status, text))
    }
}
