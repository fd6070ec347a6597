use std::net::TcpListener;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{get, to};
use actix_web::{App, Error, HttpResponse, HttpServer, rt};
use session::{Session, SessionMiddleware};

use super::{Setup, act, is_error};

pub(super) fn serve(listener: TcpListener, setup: &Setup) {
    let sessions = SessionMiddleware::from(setup.sessions.clone())
        .commit_on_server_error(setup.commit_on_server_error);
    let middlewares = setup.middlewares;
    let server = HttpServer::new(move || {
        App::new()
            .route("/untouched", get().to(async || "nothing"))
            .default_service(to(any))
            .wrap(from_fn(errors))
            .wrap(Condition::new(middlewares > 1, sessions.clone()))
            .wrap(Condition::new(middlewares > 0, sessions.clone()))
    });
    let server = server.workers(1).disable_signals();
    let server = server.listen(listener).expect("it listens").run();
    rt::System::new().block_on(server).expect("it serves");
}

async fn any(session: Session, uri: actix_web::http::Uri) -> HttpResponse {
    let (status, text) = act(uri.path(), &session);
    HttpResponse::with_body(StatusCode::from_u16(status).expect("a status"), text)
        .map_into_boxed_body()
}

/// An inner middleware that gives up, since what a handler returns as an error is a response already when it gets out.
async fn errors(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    if is_error(status.as_u16()) {
        return Err(InternalError::new("not for you", status).into());
    }
    Ok(response)
}
