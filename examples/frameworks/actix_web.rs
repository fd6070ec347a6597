//! The bookshop on actix-web. `cargo run -p bookshop-frameworks --bin bookshop-actix-web`; the variables are those of `bookshop`.

use std::process::ExitCode;

use actix_web::error::ErrorUnprocessableEntity;
use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, Form, FormConfig, Html, Json, Redirect, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, Resource, Responder};
use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::config::Config;
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{cart, html, program};
use serde_json::Value;
use session::{Session, SessionCookie, SessionMiddleware};

#[actix_web::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    // The closure runs once for each worker: what all of them share is made before it.
    let sessions = SessionMiddleware::new(cookie, storage);
    let shelf = Data::new(Shelf::stocked());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shelf.clone())
            .configure(routes)
            .wrap(sessions.clone())
    });

    let closing_time = program::closing_time()?;
    let listener = program::listen(config.port).await?;
    let listener = listener
        .into_std()
        .map_err(|error| program::stopped(&error))?;
    let server = server
        .listen(listener)
        .map_err(|error| program::stopped(&error))?;
    let end = server.shutdown_signal(closing_time).run().await;
    end.map_err(|error| program::stopped(&error))
}

fn routes(config: &mut ServiceConfig) {
    config
        .app_data(FormConfig::default().error_handler(|error, _| ErrorUnprocessableEntity(error)))
        .service(page("/").get(welcome))
        .service(page("/set-theme").post(set_theme))
        .service(page("/books").get(all_books))
        .service(page("/books/create").get(new_book).post(create_book))
        .service(page("/cart").get(show_cart))
        .service(page("/cart/add").post(add_to_cart))
        .service(page("/login").get(login_form).post(log_in))
        .service(page("/logout").post(log_out))
        .service(page("/forget").post(forget))
        .service(page("/session").get(look_inside))
        .service(page("/style.css").get(style))
        .default_service(web::to(not_found));
}

fn page(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed))
}

async fn welcome(session: Session<Visitor>) -> Html {
    Html::new(home::page(&session))
}

async fn set_theme(session: Session<Visitor>, form: Form<ThemeForm>) -> Redirect {
    Redirect::to(home::set_theme(&session, &form)).see_other()
}

async fn all_books(session: Session<Visitor>, shelf: Data<Shelf>) -> Html {
    Html::new(books::page(&session, &shelf))
}

async fn new_book(session: Session<Visitor>) -> Html {
    Html::new(books::form(&session))
}

async fn create_book(
    session: Session<Visitor>,
    shelf: Data<Shelf>,
    form: Form<BookForm>,
) -> Redirect {
    Redirect::to(books::create(&session, &shelf, &form)).see_other()
}

async fn show_cart(session: Session<Visitor>) -> Html {
    Html::new(cart::page(&session))
}

async fn add_to_cart(session: Session<Visitor>, form: Form<BookForm>) -> Redirect {
    Redirect::to(cart::add(&session, &form)).see_other()
}

async fn login_form(session: Session<Visitor>) -> Html {
    Html::new(account::form(&session))
}

async fn log_in(session: Session<Visitor>, form: Form<LoginForm>) -> Redirect {
    Redirect::to(account::login(&session, &form)).see_other()
}

async fn log_out(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::logout(&session)).see_other()
}

async fn forget(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::forget(&session)).see_other()
}

async fn look_inside(session: Session) -> Json<Value> {
    Json(session.data())
}

async fn style() -> impl Responder {
    html::STYLE
        .customize()
        .insert_header(("content-type", "text/css; charset=utf-8"))
}

async fn not_found() -> impl Responder {
    HttpResponse::NotFound()
        .content_type(ContentType::html())
        .body(html::not_found())
}

async fn method_not_allowed() -> impl Responder {
    HttpResponse::MethodNotAllowed()
        .content_type(ContentType::html())
        .body(html::method_not_allowed())
}
