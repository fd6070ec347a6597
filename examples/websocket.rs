//! A session over a WebSocket: it is read and changed while the socket is connected, and the socket ends with it.
//!
//! `cargo run --bin websocket`, and open the page twice: both count together. A log-out on one closes both sockets.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{any, get, post};
use session::{
    KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, SessionSchema, Sessions,
};

/// How often a socket looks at what has become of its session elsewhere.
const PERIOD: Duration = Duration::from_secs(1);

const PAGE: &str = r#"<!DOCTYPE html>
<title>Clicks</title>
<button id="click">Click</button> <output id="clicks"></output>
<form method="post" action="/logout"><button>Log out</button></form>
<script>
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
    const clicks = document.getElementById("clicks");
    socket.onmessage = (message) => clicks.textContent = message.data;
    socket.onclose = (close) => clicks.textContent = close.reason || "disconnected";
    document.getElementById("click").onclick = () => socket.send("click");
</script>
"#;

#[derive(SessionSchema)]
struct Visitor {
    clicks: Option<u32>,
}

async fn page(session: Session<Visitor>) -> Html<&'static str> {
    // A socket cannot begin a session, since it can set no cookie: this response does.
    if !session.has_clicks() {
        session.set_clicks(0);
    }
    Html(PAGE)
}

async fn logout(session: Session<Visitor>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

async fn connect(
    State(sessions): State<Sessions>,
    session: Session<Visitor>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_same_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if session.is_new() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(async move |socket| {
        if let Err(error) = converse(socket, &session, &sessions, &headers).await {
            eprintln!("a socket has ended: {error}");
        }
    })
}

/// Any page may open a socket to any server, and scripts of our other subdomains would send our cookie along.
/// OWASP ASVS 5.0, 4.4.2 asks to look at the Origin.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let field = |name: HeaderName| headers.get(name)?.to_str().ok();
    let origin = field(ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| Some(authority) == field(HOST))
}

async fn converse(
    mut socket: WebSocket,
    session: &Session<Visitor>,
    sessions: &Sessions,
    headers: &HeaderMap,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut shown = None;
    let mut period = tokio::time::interval(PERIOD);
    loop {
        let clicks = tokio::select! {
            message = socket.recv() => match message.transpose()? {
                Some(Message::Text(_)) => {
                    session.update_clicks(|clicks| *clicks = Some(clicks.unwrap_or(0) + 1));
                    // Nothing commits after the response but this. It takes in what other requests have written, too.
                    session.commit().await?;
                    (!session.is_destroyed()).then(|| session.clicks())
                }
                Some(Message::Close(_)) | None => return Ok(()),
                Some(_) => continue,
            },
            // The handle has what it has read. Opened by the cookie once more, the session is as it is now.
            _ = period.tick() => {
                let latest = sessions.open(headers.get_all(COOKIE)).await?.schema::<Visitor>();
                (!latest.is_new()).then(|| latest.clicks())
            }
        };
        let Some(clicks) = clicks else {
            let farewell = CloseFrame {
                code: close_code::POLICY,
                reason: "logged out".into(),
            };
            return Ok(socket.send(Message::Close(Some(farewell))).await?);
        };
        if shown != clicks {
            shown = clicks;
            let text = clicks.unwrap_or(0).to_string();
            socket.send(Message::Text(text.into())).await?;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let sessions = Sessions::new(cookie, MemoryStorage::new());
    let app = Router::new()
        .route("/", get(page))
        .route("/logout", post(logout))
        .route("/socket", any(connect))
        .with_state(sessions.clone())
        .layer(SessionLayer::from(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
