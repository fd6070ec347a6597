//! A small bookshop whose visitors have sessions: the application that the documentation walks through.
//!
//! `cargo run --bin bookshop`, then open the address that it prints. Three environment variables change it:
//!
//! - `SESSION_STORAGE`: where sessions are kept. `memory:`, `cookie:`, `file:PATH`, `sqlite:PATH`, `redis://…`,
//!   `redis-cluster://…`, `memcached://…`, `postgres://…` or `mysql://…`; by default `file:./sessions`.
//! - `SESSION_SECRET`: the secret of the session cookie, 32 bytes or more. By default one is made and kept in
//!   `.session-secret`.
//! - `PORT`: the port on 127.0.0.1, by default 3000. With 0 the system picks a free one.
//!
//! These are its routes, for axum. What its pages show and what its forms do is in the library beside this file:
//! whoever reads a session there, or writes to one, needs no framework for it. `tests.rs` tries them without a server.

use std::process::ExitCode;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::config::Config;
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{cart, html, program};
use session::{Session, SessionCookie, SessionLayer};

#[tokio::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let app = routes(Shelf::stocked()).layer(SessionLayer::new(cookie, storage));

    let closing_time = program::closing_time()?;
    let listener = program::listen(config.port).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(closing_time)
        .await
        .map_err(|error| program::stopped(&error))
}

fn routes(shelf: Shelf) -> Router {
    Router::new()
        .route("/", get(welcome))
        .route("/set-theme", post(set_theme))
        .route("/books", get(all_books))
        .route("/books/create", get(new_book).post(create_book))
        .route("/cart", get(show_cart))
        .route("/cart/add", post(add_to_cart))
        .route("/login", get(login_form).post(log_in))
        .route("/logout", post(log_out))
        .route("/forget", post(forget))
        .route("/session", get(look_inside))
        .route("/style.css", get(style))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(shelf)
}

async fn welcome(session: Session<Visitor>) -> Html<String> {
    Html(home::page(&session))
}

/// A form that is no `ThemeForm` is refused, and this function is not called.
async fn set_theme(session: Session<Visitor>, Form(form): Form<ThemeForm>) -> Redirect {
    Redirect::to(home::set_theme(&session, &form))
}

async fn all_books(session: Session<Visitor>, State(shelf): State<Shelf>) -> Html<String> {
    Html(books::page(&session, &shelf))
}

async fn new_book(session: Session<Visitor>) -> Html<String> {
    Html(books::form(&session))
}

async fn create_book(
    session: Session<Visitor>,
    State(shelf): State<Shelf>,
    Form(form): Form<BookForm>,
) -> Redirect {
    Redirect::to(books::create(&session, &shelf, &form))
}

async fn show_cart(session: Session<Visitor>) -> Html<String> {
    Html(cart::page(&session))
}

async fn add_to_cart(session: Session<Visitor>, Form(form): Form<BookForm>) -> Redirect {
    Redirect::to(cart::add(&session, &form))
}

async fn login_form(session: Session<Visitor>) -> Html<String> {
    Html(account::form(&session))
}

async fn log_in(session: Session<Visitor>, Form(form): Form<LoginForm>) -> Redirect {
    Redirect::to(account::login(&session, &form))
}

async fn log_out(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::logout(&session))
}

async fn forget(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::forget(&session))
}

/// What the session holds, as JSON. Its id is no part of that: it is a secret.
///
/// A `Session` without a schema is the same session, seen key by key.
async fn look_inside(session: Session) -> impl IntoResponse {
    Json(session.data())
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], html::STYLE)
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, Html(html::not_found()))
}

async fn method_not_allowed() -> impl IntoResponse {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        Html(html::method_not_allowed()),
    )
}

#[cfg(test)]
mod tests;
