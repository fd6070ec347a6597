use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use rocket::config::{LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Config, get, routes};
use session::Session;
use session::web::rocket::SessionFairing;

use super::{Setup, act, is_error};

/// Says where it listens, or why it does not.
pub(super) fn serve(setup: &Setup, listening: &Sender<Result<SocketAddr, String>>) {
    rocket::async_main(async {
        let config = Config {
            port: 0,
            log_level: LogLevel::Off,
            shutdown: Shutdown {
                ctrlc: false,
                ..Shutdown::default()
            },
            ..Config::debug_default()
        };
        let mut app = rocket::custom(config).mount("/", routes![untouched, any]);
        for _ in 0..setup.middlewares {
            let sessions = SessionFairing::from(setup.sessions.clone());
            app = app.attach(sessions.commit_on_server_error(setup.commit_on_server_error));
        }
        let sender = listening.clone();
        let app = app.attach(AdHoc::on_liftoff("address", |rocket| {
            let address = SocketAddr::new(rocket.config().address, rocket.config().port);
            Box::pin(async move { sender.send(Ok(address)).expect("somebody waits") })
        }));
        if let Err(error) = app.launch().await {
            listening
                .send(Err(error.to_string()))
                .expect("somebody waits");
        }
    });
}

#[get("/untouched")]
fn untouched() -> &'static str {
    "nothing"
}

#[allow(clippy::needless_pass_by_value, reason = "it is extracted by value")]
#[get("/<_>")]
fn any(session: Session, uri: &Origin<'_>) -> Result<(Status, String), Status> {
    let (code, text) = act(uri.path().as_str(), &session);
    let status = Status::new(code);
    if is_error(code) {
        Err(status)
    } else {
        Ok((status, text))
    }
}
