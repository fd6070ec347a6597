//! Who the visitor is: `/login`, `/logout`, `/forget`, and `/session` to look inside.

use axum::response::{Html, IntoResponse, Redirect};
use axum::{Form, Json};
use serde::Deserialize;
use session::Session;

use crate::form::short_line;
use crate::html::page_of;
use crate::visitor::Visitor;

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    name: String,
    password: String,
}

pub(crate) async fn form(session: Session<Visitor>) -> Html<String> {
    let content = r#"
        <h1>Log in</h1>
        <form class="panel" method="post" action="/login">
          <label for="name">Name</label>
          <input id="name" name="name" autocomplete="username" autofocus>
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password">
          <p class="hint">This is an example: any name will do, and the password is <code>secret</code>.</p>
          <button>Log in</button>
        </form>"#;
    page_of(&session, "Log in", content)
}

pub(crate) async fn login(session: Session<Visitor>, Form(form): Form<LoginForm>) -> Redirect {
    let name = short_line(&form.name).filter(|_| form.password == "secret");
    let Some(name) = name else {
        // One message for both: it does not tell a stranger which half was right.
        session.flash_error("That name and password do not match.");
        return Redirect::to("/login");
    };
    session.flash_success(format!("Welcome, {name}."));
    // `user` is `privileged`: this gives the session a new id, so whoever planted or saw the cookie of before the login holds
    // nothing after it.
    session.set_user(name);
    Redirect::to("/")
}

pub(crate) async fn logout(session: Session<Visitor>) -> Redirect {
    session.destroy();
    // The first write after `destroy` begins a new session: it holds the goodbye and nothing of the old one.
    session.flash_success("Goodbye, and come again.");
    Redirect::to("/")
}

/// Like a logout without a goodbye: no session is left, and the browser drops its cookie.
pub(crate) async fn forget(session: Session<Visitor>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

/// What the session holds, as JSON. Its id is no part of that: it is a secret.
///
/// A `Session` without a schema is the same session, seen key by key.
pub(crate) async fn look_inside(session: Session) -> impl IntoResponse {
    Json(session.data())
}
