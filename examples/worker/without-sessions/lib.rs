//! The Worker without sessions, whose size `scripts/check-worker.sh` takes from the Worker's own: what is left is the session part.
//!
//! Its routes and pages are the Worker's, file by file. What they take for a `Session<Visitor>` remembers nothing beyond a request.

extern crate self as bookshop;
extern crate self as session;

#[path = "../../bookshop/pages/account.rs"]
pub mod account;
#[path = "../../bookshop/pages/books.rs"]
pub mod books;
#[path = "../../bookshop/pages/cart.rs"]
pub mod cart;
mod forgetful;
#[path = "../../bookshop/pages/form.rs"]
mod form;
#[path = "../../bookshop/pages/home.rs"]
pub mod home;
#[path = "../../bookshop/pages/html.rs"]
pub mod html;
#[path = "../../bookshop/routes.rs"]
mod routes;
#[path = "../../bookshop/pages/shelf.rs"]
pub mod shelf;
#[path = "../../bookshop/pages/theme.rs"]
pub mod theme;

use std::error::Error;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Response;
use tower_service::Service as _;
use worker::{Context, Env, HttpRequest, event};

pub use crate::forgetful::{Session, visitor};
use crate::routes::routes;
use crate::shelf::Shelf;

static SHELF: LazyLock<Shelf> = LazyLock::new(Shelf::stocked);

#[event(fetch)]
async fn fetch(request: HttpRequest, _: Env, _: Context) -> Result<Response<Body>, Box<dyn Error>> {
    Ok(routes(SHELF.clone()).call(request).await?)
}
