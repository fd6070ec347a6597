//! The WebSocket example, by a real client over a socket.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use http::header::{COOKIE, ORIGIN};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::example::Example;
use crate::support::http::Visitor;

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects as a page of that origin does.
    async fn connect(server: SocketAddr, origin: &str, cookie: &str) -> Result<Self, StatusCode> {
        let mut request = format!("ws://{server}/socket")
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(COOKIE, cookie.parse().unwrap());
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn click(&mut self) {
        self.0.send(Message::text("click")).await.unwrap();
    }

    /// The next message: a count, or why the socket was closed.
    async fn next(&mut self) -> String {
        match self.0.next().await.unwrap().unwrap() {
            Message::Text(count) => count.to_string(),
            Message::Close(Some(farewell)) => farewell.reason.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_reads_and_changes_its_session_until_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let example = Example::start("websocket", folder.path(), &[]);
    let server = example.address;
    let mut visitor = Visitor::of(server);
    assert_eq!(visitor.get("/").status, 200);
    let cookie = visitor.cookie.clone().unwrap();
    let own = format!("http://{server}");

    let mut one = Socket::connect(server, &own, &cookie).await.unwrap();
    let mut other = Socket::connect(server, &own, &cookie).await.unwrap();
    for socket in [&mut one, &mut other] {
        assert_eq!(socket.next().await, "0");
    }
    one.click().await;
    for socket in [&mut one, &mut other] {
        assert_eq!(socket.next().await, "1");
    }
    // Its handle had read 1 at most: the commit counts on what the other has written.
    one.click().await;
    assert_eq!(one.next().await, "2");
    other.click().await;
    let counts = [other.next().await, one.next().await];
    assert!(counts.contains(&"3".to_owned()), "{counts:?}");

    visitor.post("/logout", &[]);
    for socket in [&mut one, &mut other] {
        let mut last = socket.next().await;
        while last.parse::<u32>().is_ok() {
            last = socket.next().await;
        }
        assert_eq!(last, "logged out");
    }
    let late = Socket::connect(server, &own, &cookie).await;
    assert_eq!(late.err(), Some(StatusCode::UNAUTHORIZED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_for_pages_of_its_own_origin_with_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let example = Example::start("websocket", folder.path(), &[]);
    let server = example.address;
    let mut visitor = Visitor::of(server);
    visitor.get("/");
    let cookie = visitor.cookie.clone().unwrap();
    let own = format!("http://{server}");
    for (origin, cookie, refusal) in [
        ("https://elsewhere.example", &*cookie, StatusCode::FORBIDDEN),
        ("null", &*cookie, StatusCode::FORBIDDEN),
        (&*own, "__Host-session=forged", StatusCode::UNAUTHORIZED),
    ] {
        let refused = Socket::connect(server, origin, cookie).await.err();
        assert_eq!(refused, Some(refusal), "{origin}");
    }
}
