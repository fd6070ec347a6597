//! The shop's routes, for axum: on a server, and on Workers, which axum does not know of.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{cart, html};
use session::Session;

pub(crate) fn routes(shelf: Shelf) -> Router {
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
