//! Server-sent events over a socket: what a stream can still do to its session once its head has been received.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Path;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::{Stream, StreamExt as _, stream};
use session::{CookieStorage, Error, KeyRing, MemoryStorage, Session};
use session::{SessionCookie, SessionLayer, SessionStorage};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Does to a session what a word says.
fn act(session: &Session, what: &str) {
    match what {
        "look" => (),
        "add" => session.update("count", |count: &mut Option<u32>| {
            *count.get_or_insert(0) += 1;
        }),
        "login" => session.regenerate_id(),
        "logout" => session.destroy(),
        _ => panic!("no such deed: {what}"),
    }
}

/// `/events/{first}/{then}`: does the first thing before the response, each of the others in its body, and tells what
/// came of the commits.
async fn events(
    session: Session,
    Path((first, then)): Path<(String, String)>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    act(&session, &first);
    let deeds: Vec<_> = then.split(',').map(str::to_owned).collect();
    let events = stream::iter(deeds).then(move |deed| {
        let session = session.clone();
        async move {
            act(&session, &deed);
            let outcome = match session.commit().await {
                Ok(()) => "stored",
                Err(Error::HeadersSent) => "refused",
                Err(error) => panic!("{error}"),
            };
            Ok(Event::default().data(format!("{deed} {outcome}")))
        }
    });
    Sse::new(events)
}

async fn show(session: Session) -> String {
    session.data().to_string()
}

struct Server {
    address: std::net::SocketAddr,
    cookie: Option<String>,
}

impl Server {
    async fn start(storage: impl SessionStorage) -> Self {
        let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
        let app = Router::new()
            .route("/events/{first}/{then}", get(events))
            .route("/show", get(show))
            .layer(SessionLayer::new(cookie, storage));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, app).into_future());
        Self {
            address,
            cookie: None,
        }
    }

    /// The lines of an answer, its head's and its body's. Keeps or forgets the cookie as the head says.
    async fn get(&mut self, path: &str) -> Vec<String> {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let cookie = self.cookie.as_deref().unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut reader = BufReader::new(connection).lines();
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().await.unwrap() {
            lines.push(line);
        }
        for line in &lines {
            if let Some(field) = line.strip_prefix("set-cookie: ") {
                let (pair, _) = field.split_once(';').unwrap();
                self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
            }
        }
        lines
    }

    /// What the events of a stream say, and whether its head sets a cookie.
    async fn events(&mut self, path: &str) -> (bool, String) {
        let lines = self.get(&format!("/events/{path}")).await;
        assert!(lines.contains(&"content-type: text/event-stream".to_owned()));
        let sets = lines.iter().any(|line| line.starts_with("set-cookie: "));
        let data = lines.iter().filter_map(|line| line.strip_prefix("data: "));
        (sets, data.collect::<Vec<_>>().join(", "))
    }

    async fn show(&mut self) -> String {
        self.get("/show").await.pop().unwrap()
    }
}

#[tokio::test]
async fn a_stream_changes_a_stored_session_and_gets_no_new_cookie() {
    let mut server = Server::start(MemoryStorage::new()).await;
    let (sets_cookie, told) = server.events("add/add,look,login,add").await;
    assert!(sets_cookie, "what the handler does goes with the head");
    assert_eq!(told, "add stored, look stored, login refused, add refused");
    assert_eq!(server.show().await, r#"{"count":2}"#);

    let told = server.events("look/add").await;
    assert_eq!(told, (false, "add stored".to_owned()));
    assert_eq!(server.show().await, r#"{"count":3}"#);

    let told = server.events("look/logout").await;
    assert_eq!(told, (false, "logout stored".to_owned()));
    assert_eq!(server.show().await, "{}");
}

#[tokio::test]
async fn a_stream_begins_no_session() {
    let storage = MemoryStorage::new();
    let mut server = Server::start(storage.clone()).await;
    let told = server.events("look/look,add").await;
    assert_eq!(told, (false, "look stored, add refused".to_owned()));
    assert_eq!(storage.len(), 0);
}

#[tokio::test]
async fn a_stream_changes_nothing_in_the_cookie() {
    let mut server = Server::start(CookieStorage::new()).await;
    let told = server.events("add/look,add").await;
    assert_eq!(told, (true, "look stored, add refused".to_owned()));
    let told = server.events("look/logout").await;
    assert_eq!(told, (false, "logout refused".to_owned()));
    assert_eq!(server.show().await, r#"{"count":1}"#);
}
