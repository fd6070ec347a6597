//! The bookshop on Rocket. `cargo run -p bookshop-frameworks --bin bookshop-rocket`; the variables are those of `bookshop`.

#![allow(clippy::needless_pass_by_value, reason = "a guard is taken by value")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::config::Config;
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::theme::Theme;
use bookshop::visitor::Visitor;
use bookshop::{cart, html, program};
use rocket::config::LogLevel;
use rocket::fairing::AdHoc;
use rocket::form::{self, Form, FromForm, FromFormField, ValueField};
use rocket::response::Redirect;
use rocket::response::content::{RawCss, RawHtml};
use rocket::serde::json::Json;
use rocket::{Build, Rocket, State, catch, catchers, get, post, routes};
use serde_json::Value;
use session::web::rocket::SessionFairing;
use session::{Session, SessionCookie};

#[rocket::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    // Rocket binds the port itself, and heeds the signals that ask it to stop.
    let server = rocket::Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: config.port,
        log_level: LogLevel::Off,
        ..rocket::Config::release_default()
    };
    let announce = AdHoc::on_liftoff("address", |rocket| {
        let address = SocketAddr::new(rocket.config().address, rocket.config().port);
        Box::pin(async move { program::announce(address) })
    });
    shop(rocket::custom(server))
        .attach(SessionFairing::new(cookie, storage))
        .attach(announce)
        .launch()
        .await
        .map_err(|error| program::stopped(&error))?;
    Ok(())
}

fn shop(rocket: Rocket<Build>) -> Rocket<Build> {
    let pages = routes![
        welcome,
        set_theme,
        all_books,
        new_book,
        create_book,
        show_cart,
        add_to_cart,
        login_form,
        log_in,
        log_out,
        forget,
        look_inside,
        style
    ];
    rocket
        .manage(Shelf::stocked())
        .mount("/", pages)
        .register("/", catchers![not_found])
}

#[get("/")]
fn welcome(session: Session<Visitor>) -> RawHtml<String> {
    RawHtml(home::page(&session))
}

#[derive(FromForm)]
struct ThemeFields {
    theme: ThemeField,
}

struct ThemeField(Theme);

impl<'v> FromFormField<'v> for ThemeField {
    fn from_value(field: ValueField<'v>) -> form::Result<'v, Self> {
        let theme = Theme::named(field.value);
        Ok(Self(
            theme.ok_or_else(|| form::Error::validation("no theme"))?,
        ))
    }
}

#[post("/set-theme", data = "<form>")]
fn set_theme(session: Session<Visitor>, form: Form<ThemeFields>) -> Redirect {
    let theme = form.into_inner().theme.0;
    Redirect::to(home::set_theme(&session, &ThemeForm { theme }))
}

#[get("/books")]
fn all_books(session: Session<Visitor>, shelf: &State<Shelf>) -> RawHtml<String> {
    RawHtml(books::page(&session, shelf))
}

#[get("/books/create")]
fn new_book(session: Session<Visitor>) -> RawHtml<String> {
    RawHtml(books::form(&session))
}

#[derive(FromForm)]
struct BookFields {
    title: String,
}

#[post("/books/create", data = "<form>")]
fn create_book(
    session: Session<Visitor>,
    shelf: &State<Shelf>,
    form: Form<BookFields>,
) -> Redirect {
    let title = form.into_inner().title;
    Redirect::to(books::create(&session, shelf, &BookForm { title }))
}

#[get("/cart")]
fn show_cart(session: Session<Visitor>) -> RawHtml<String> {
    RawHtml(cart::page(&session))
}

#[post("/cart/add", data = "<form>")]
fn add_to_cart(session: Session<Visitor>, form: Form<BookFields>) -> Redirect {
    let title = form.into_inner().title;
    Redirect::to(cart::add(&session, &BookForm { title }))
}

#[get("/login")]
fn login_form(session: Session<Visitor>) -> RawHtml<String> {
    RawHtml(account::form(&session))
}

#[derive(FromForm)]
struct LoginFields {
    name: String,
    password: String,
}

#[post("/login", data = "<form>")]
fn log_in(session: Session<Visitor>, form: Form<LoginFields>) -> Redirect {
    let LoginFields { name, password } = form.into_inner();
    Redirect::to(account::login(&session, &LoginForm { name, password }))
}

#[post("/logout")]
fn log_out(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::logout(&session))
}

#[post("/forget")]
fn forget(session: Session<Visitor>) -> Redirect {
    Redirect::to(account::forget(&session))
}

#[get("/session")]
fn look_inside(session: Session) -> Json<Value> {
    Json(session.data())
}

#[get("/style.css")]
fn style() -> RawCss<&'static str> {
    RawCss(html::STYLE)
}

/// Also for a path that does not take the method: Rocket tells the two apart no more than its router does.
#[catch(404)]
fn not_found() -> RawHtml<String> {
    RawHtml(html::not_found())
}
