//! A small application on each framework, in this process: what it does to its session is in the path.

mod actix_web;
mod axum;
mod poem;
mod rocket;
mod salvo;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;

use session::{Session, Sessions};

/// How an application is put together.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) sessions: Sessions,
    /// How many times the middleware stands on the routes.
    pub(crate) middlewares: usize,
    pub(crate) commit_on_server_error: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    ActixWeb,
    Poem,
    Salvo,
    Rocket,
}

impl Framework {
    /// Serves the application for as long as the tests run.
    ///
    /// Only Rocket refuses: it looks at what it is made of before it listens.
    pub(crate) fn serve(self, setup: Setup) -> Result<SocketAddr, String> {
        let serve: fn(TcpListener, &Setup) = match self {
            Self::Axum => axum::serve,
            Self::ActixWeb => actix_web::serve,
            Self::Poem => poem::serve,
            Self::Salvo => salvo::serve,
            Self::Rocket => {
                let (sender, receiver) = mpsc::channel();
                thread::spawn(move || rocket::serve(&setup, &sender));
                return receiver.recv().expect("it says whether it listens");
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("tokio takes it");
        thread::spawn(move || serve(listener, &setup));
        Ok(address)
    }
}

/// The statuses that an application answers not by a response, but by an error of its framework.
fn is_error(status: u16) -> bool {
    matches!(status, 403 | 502)
}

/// Does what the path says, and gives the response's status and text.
fn act(path: &str, session: &Session) -> (u16, String) {
    match path {
        "/show" => {}
        "/set" => session.set("key", "value"),
        "/set-and-fail" => {
            session.set("key", "other");
            return (500, "it went wrong".to_owned());
        }
        "/set-and-panic" => {
            session.set("key", "other");
            panic!("on purpose");
        }
        "/set-and-refuse" => {
            session.set("key", "other");
            return (403, "not for you".to_owned());
        }
        "/set-and-give-up" => {
            session.set("key", "other");
            return (502, "it went wrong".to_owned());
        }
        "/destroy-and-fail" => {
            session.destroy();
            return (500, "it went wrong".to_owned());
        }
        "/destroy-and-panic" => {
            session.destroy();
            panic!("on purpose");
        }
        "/set-what-cannot-be-stored" => session.set("key", BTreeMap::from([(["no text"], 1)])),
        _ => panic!("no such path: {path}"),
    }
    (200, session.data().to_string())
}
