//! The bookshop on salvo. `cargo run -p bookshop-frameworks --bin bookshop-salvo`; the variables are those of `bookshop`.

use std::process::ExitCode;

use bookshop::account::{self, LoginForm};
use bookshop::books::{self, BookForm};
use bookshop::config::Config;
use bookshop::home::{self, ThemeForm};
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use bookshop::{cart, html, program};
use salvo::catcher::Catcher;
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;
use session::web::salvo::SessionHoop;
use session::{Session, SessionCookie};

#[tokio::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let router = routes(Shelf::stocked()).hoop(SessionHoop::new(cookie, storage));
    let service = Service::new(router).catcher(Catcher::default().hoop(error_page));

    let closing_time = program::closing_time()?;
    let listener = program::listen(config.port).await?;
    let acceptor = TcpAcceptor::try_from(listener).map_err(|error| program::stopped(&error))?;
    let server = Server::new(acceptor);
    let handle = server.handle();
    tokio::spawn(async move {
        closing_time.await;
        handle.stop_graceful(None);
    });
    server
        .try_serve(service)
        .await
        .map_err(|error| program::stopped(&error))
}

fn routes(shelf: Shelf) -> Router {
    let page = |path: &str| Router::with_path(path);
    Router::new()
        .get(welcome)
        .push(page("set-theme").post(set_theme))
        .push(page("books").get(AllBooks(shelf.clone())))
        .push(page("books/create").get(new_book).post(CreateBook(shelf)))
        .push(page("cart").get(show_cart))
        .push(page("cart/add").post(add_to_cart))
        .push(page("login").get(login_form).post(log_in))
        .push(page("logout").post(log_out))
        .push(page("forget").post(forget))
        .push(page("session").get(look_inside))
        .push(page("style.css").get(style))
}

type Page = Text<String>;

/// A form that does not fit is a 422.
async fn form<T: DeserializeOwned>(request: &mut Request) -> Result<T, StatusError> {
    let form = request.parse_form().await;
    form.map_err(|error| StatusError::unprocessable_entity().cause(error))
}

#[handler]
async fn welcome(session: Session<Visitor>) -> Page {
    Text::Html(home::page(&session))
}

#[handler]
async fn set_theme(
    session: Session<Visitor>,
    request: &mut Request,
) -> Result<Redirect, StatusError> {
    let form: ThemeForm = form(request).await?;
    Ok(Redirect::other(home::set_theme(&session, &form)))
}

struct AllBooks(Shelf);

#[handler]
impl AllBooks {
    #[allow(clippy::needless_pass_by_value, reason = "it is extracted by value")]
    fn handle(&self, session: Session<Visitor>) -> Page {
        Text::Html(books::page(&session, &self.0))
    }
}

#[handler]
async fn new_book(session: Session<Visitor>) -> Page {
    Text::Html(books::form(&session))
}

struct CreateBook(Shelf);

#[handler]
impl CreateBook {
    async fn handle(
        &self,
        session: Session<Visitor>,
        request: &mut Request,
    ) -> Result<Redirect, StatusError> {
        let form: BookForm = form(request).await?;
        Ok(Redirect::other(books::create(&session, &self.0, &form)))
    }
}

#[handler]
async fn show_cart(session: Session<Visitor>) -> Page {
    Text::Html(cart::page(&session))
}

#[handler]
async fn add_to_cart(
    session: Session<Visitor>,
    request: &mut Request,
) -> Result<Redirect, StatusError> {
    let form: BookForm = form(request).await?;
    Ok(Redirect::other(cart::add(&session, &form)))
}

#[handler]
async fn login_form(session: Session<Visitor>) -> Page {
    Text::Html(account::form(&session))
}

#[handler]
async fn log_in(session: Session<Visitor>, request: &mut Request) -> Result<Redirect, StatusError> {
    let form: LoginForm = form(request).await?;
    Ok(Redirect::other(account::login(&session, &form)))
}

#[handler]
async fn log_out(session: Session<Visitor>) -> Redirect {
    Redirect::other(account::logout(&session))
}

#[handler]
async fn forget(session: Session<Visitor>) -> Redirect {
    Redirect::other(account::forget(&session))
}

#[handler]
async fn look_inside(session: Session) -> Json<Value> {
    Json(session.data())
}

#[handler]
async fn style() -> Text<&'static str> {
    Text::Css(html::STYLE)
}

/// Salvo asks it for the page of a response that has an error's status and no body.
#[handler]
async fn error_page(response: &mut Response, flow: &mut FlowCtrl) {
    let page = match response.status_code {
        Some(StatusCode::NOT_FOUND) => html::not_found(),
        Some(StatusCode::METHOD_NOT_ALLOWED) => html::method_not_allowed(),
        _ => return,
    };
    response.render(Text::Html(page));
    flow.skip_rest();
}
