//! The bookshop on poem. `cargo run -p bookshop-frameworks --bin bookshop-poem`; the variables are those of `bookshop`.

#![allow(
    clippy::needless_pass_by_value,
    reason = "an extractor is taken by value"
)]

use std::process::ExitCode;

use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::config::Config;
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{cart, html, program};
use poem::error::{MethodNotAllowedError, NotFoundError, ParseFormError};
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::{Data, Form, Html, Json, Redirect};
use poem::{Endpoint, EndpointExt, IntoResponse, Route, Server, get, handler, post};
use serde_json::Value;
use session::web::poem::SessionMiddleware;
use session::{Session, SessionCookie};

#[tokio::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let app = routes(Shelf::stocked()).with(SessionMiddleware::new(cookie, storage));

    let closing_time = program::closing_time()?;
    let listener = program::listen(config.port).await?;
    let acceptor = TcpAcceptor::from_tokio(listener).map_err(|error| program::stopped(&error))?;
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, closing_time, None)
        .await
        .map_err(|error| program::stopped(&error))
}

/// What turns errors into pages is inside of the session's middleware.
fn routes(shelf: Shelf) -> impl Endpoint {
    Route::new()
        .at("/", get(welcome))
        .at("/set-theme", post(set_theme))
        .at("/books", get(all_books))
        .at("/books/create", get(new_book).post(create_book))
        .at("/cart", get(show_cart))
        .at("/cart/add", post(add_to_cart))
        .at("/login", get(login_form).post(log_in))
        .at("/logout", post(log_out))
        .at("/forget", post(forget))
        .at("/session", get(look_inside))
        .at("/style.css", get(style))
        .data(shelf)
        .catch_error(|_: NotFoundError| async {
            Html(html::not_found()).with_status(StatusCode::NOT_FOUND)
        })
        .catch_error(|_: MethodNotAllowedError| async {
            Html(html::method_not_allowed()).with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .catch_error(|error: ParseFormError| async move {
            error
                .to_string()
                .with_status(StatusCode::UNPROCESSABLE_ENTITY)
        })
}

#[handler]
fn welcome(session: Session<Visitor>) -> Html<String> {
    Html(home::page(&session))
}

#[handler]
fn set_theme(session: Session<Visitor>, Form(form): Form<ThemeForm>) -> Redirect {
    Redirect::see_other(home::set_theme(&session, &form))
}

#[handler]
fn all_books(session: Session<Visitor>, Data(shelf): Data<&Shelf>) -> Html<String> {
    Html(books::page(&session, shelf))
}

#[handler]
fn new_book(session: Session<Visitor>) -> Html<String> {
    Html(books::form(&session))
}

#[handler]
fn create_book(
    session: Session<Visitor>,
    Data(shelf): Data<&Shelf>,
    Form(form): Form<BookForm>,
) -> Redirect {
    Redirect::see_other(books::create(&session, shelf, &form))
}

#[handler]
fn show_cart(session: Session<Visitor>) -> Html<String> {
    Html(cart::page(&session))
}

#[handler]
fn add_to_cart(session: Session<Visitor>, Form(form): Form<BookForm>) -> Redirect {
    Redirect::see_other(cart::add(&session, &form))
}

#[handler]
fn login_form(session: Session<Visitor>) -> Html<String> {
    Html(account::form(&session))
}

#[handler]
fn log_in(session: Session<Visitor>, Form(form): Form<LoginForm>) -> Redirect {
    Redirect::see_other(account::login(&session, &form))
}

#[handler]
fn log_out(session: Session<Visitor>) -> Redirect {
    Redirect::see_other(account::logout(&session))
}

#[handler]
fn forget(session: Session<Visitor>) -> Redirect {
    Redirect::see_other(account::forget(&session))
}

#[handler]
fn look_inside(session: Session) -> Json<Value> {
    Json(session.data())
}

#[handler]
fn style() -> impl IntoResponse {
    html::STYLE.with_content_type("text/css; charset=utf-8")
}
