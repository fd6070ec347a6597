//! The bookshop without a framework: plain hyper, and [`Sessions`] by hand.
//! `cargo run -p bookshop-frameworks --bin bookshop-hyper`; the variables are those of `bookshop`.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use bookshop::config::{Config, causes};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{account, books, cart, home, html, program};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, COOKIE, GetAll, HeaderValue, LOCATION, SET_COOKIE, VARY,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use serde::de::DeserializeOwned;
use serde_urlencoded::de::Error as FormError;
use session::{Error, Session, SessionCookie, Sessions};

/// The longest form that the shop reads, in bytes.
const LONGEST_FORM: usize = 1 << 20;

type Page = Response<Full<Bytes>>;

#[tokio::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let shop = Arc::new(Shop {
        sessions: Sessions::new(cookie, storage),
        shelf: Shelf::stocked(),
    });

    let mut closing_time = std::pin::pin!(program::closing_time()?);
    let listener = program::listen(config.port).await?;
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closing_time => break,
        };
        let (stream, _) = accepted.map_err(|error| program::stopped(&error))?;
        let shop = Arc::clone(&shop);
        let service = service_fn(move |request| answer(Arc::clone(&shop), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // An error here is a browser that has gone away.
        tokio::spawn(connections.watch(connection));
    }
    connections.shutdown().await;
    Ok(())
}

struct Shop {
    sessions: Sessions,
    shelf: Shelf,
}

async fn answer(shop: Arc<Shop>, request: Request<Incoming>) -> Result<Page, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if path == "/style.css" && head.method == Method::GET {
        // Opens no session, so no cache need know of cookies.
        return Ok(page(StatusCode::OK, "text/css; charset=utf-8", html::STYLE));
    }
    let reply = match (route(path), head.method) {
        (None, _) if path != "/style.css" => {
            return Ok(document(StatusCode::NOT_FOUND, html::not_found()));
        }
        (
            Some(Route {
                get: Some(view), ..
            }),
            Method::GET,
        ) => Reply::View(view),
        (
            Some(Route {
                post: Some(action), ..
            }),
            Method::POST,
        ) => match Limited::new(body, LONGEST_FORM).collect().await {
            Ok(form) => Reply::Action(action, form.to_bytes()),
            Err(error) => return Ok(refusal(StatusCode::BAD_REQUEST, &error.to_string())),
        },
        _ => {
            let refused = html::method_not_allowed();
            return Ok(document(StatusCode::METHOD_NOT_ALLOWED, refused));
        }
    };
    let cookies = head.headers.get_all(COOKIE);
    Ok(match in_session(&shop, cookies, &reply).await {
        Ok(page) => page,
        Err(error) => {
            eprintln!("bookshop: {}", causes(&error));
            refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "the session storage is unavailable; try again later",
            )
        }
    })
}

/// The life of a session in a request: opened with its cookies, used, and committed before the response goes out.
async fn in_session(
    shop: &Shop,
    cookies: GetAll<'_, HeaderValue>,
    reply: &Reply,
) -> Result<Page, Error> {
    let session = shop.sessions.open(cookies).await?.schema();
    let mut page = match reply {
        Reply::View(view) => view(shop, &session),
        Reply::Action(action, form) => match action(shop, &session, form) {
            Ok(next) => see_other(next),
            Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        },
    };
    let set_cookie = if page.status().is_server_error() {
        shop.sessions.abandon(&session).await?
    } else {
        shop.sessions.commit(&session).await?
    };
    let headers = page.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Cookie"));
    if let Some(set_cookie) = set_cookie {
        headers.insert(SET_COOKIE, set_cookie);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(page)
}

type View = fn(&Shop, &Session<Visitor>) -> Page;
type Action = fn(&Shop, &Session<Visitor>, &[u8]) -> Result<&'static str, FormError>;

enum Reply {
    View(View),
    Action(Action, Bytes),
}

struct Route {
    get: Option<View>,
    post: Option<Action>,
}

fn route(path: &str) -> Option<Route> {
    let get = |view| Route {
        get: Some(view),
        post: None,
    };
    let post = |action| Route {
        get: None,
        post: Some(action),
    };
    Some(match path {
        "/" => get(|_, session| shown(home::page(session))),
        "/set-theme" => post(|_, session, form| Ok(home::set_theme(session, &read(form)?))),
        "/books" => get(|shop, session| shown(books::page(session, &shop.shelf))),
        "/books/create" => Route {
            get: Some(|_, session| shown(books::form(session))),
            post: Some(|shop, session, form| Ok(books::create(session, &shop.shelf, &read(form)?))),
        },
        "/cart" => get(|_, session| shown(cart::page(session))),
        "/cart/add" => post(|_, session, form| Ok(cart::add(session, &read(form)?))),
        "/login" => Route {
            get: Some(|_, session| shown(account::form(session))),
            post: Some(|_, session, form| Ok(account::login(session, &read(form)?))),
        },
        "/logout" => post(|_, session, _| Ok(account::logout(session))),
        "/forget" => post(|_, session, _| Ok(account::forget(session))),
        "/session" => get(|_, session| {
            let data = session.untyped().data().to_string();
            page(StatusCode::OK, "application/json", data)
        }),
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(form: &[u8]) -> Result<T, FormError> {
    serde_urlencoded::from_bytes(form)
}

fn shown(html: String) -> Page {
    document(StatusCode::OK, html)
}

fn document(status: StatusCode, html: String) -> Page {
    page(status, "text/html; charset=utf-8", html)
}

fn refusal(status: StatusCode, why: &str) -> Page {
    page(status, "text/plain; charset=utf-8", why.to_owned())
}

fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(body.into()));
    *page.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    page.headers_mut().insert(CONTENT_TYPE, content_type);
    page
}

fn see_other(path: &'static str) -> Page {
    let mut page = Response::new(Full::default());
    *page.status_mut() = StatusCode::SEE_OTHER;
    page.headers_mut()
        .insert(LOCATION, HeaderValue::from_static(path));
    page
}
