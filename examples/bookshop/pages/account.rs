//! Who the visitor is: `/login`, `/logout` and `/forget`.

use serde::Deserialize;
use session::Session;

use crate::form::short_line;
use crate::html::page_of;
use crate::visitor::Visitor;

/// The form, as it was filled in.
#[derive(Deserialize)]
pub struct LoginForm {
    /// Any name.
    pub name: String,
    /// It is `secret`.
    pub password: String,
}

/// The page with the form.
pub fn form(session: &Session<Visitor>) -> String {
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
    page_of(session, "Log in", content)
}

/// Logs the visitor in, or not, and says where to go on.
pub fn login(session: &Session<Visitor>, form: &LoginForm) -> &'static str {
    let name = short_line(&form.name).filter(|_| form.password == "secret");
    let Some(name) = name else {
        // One message for both: it does not tell a stranger which half was right.
        session.flash_error("That name and password do not match.");
        return "/login";
    };
    session.flash_success(format!("Welcome, {name}."));
    // `user` is `privileged`: this gives the session a new id, so whoever planted or saw the cookie of before the login holds
    // nothing after it.
    session.set_user(name);
    "/"
}

/// Ends the session, and says where to go on.
pub fn logout(session: &Session<Visitor>) -> &'static str {
    session.destroy();
    // The first write after `destroy` begins a new session: it holds the goodbye and nothing of the old one.
    session.flash_success("Goodbye, and come again.");
    "/"
}

/// Ends the session, and says where to go on. Like a logout without a goodbye: no session is left, and the browser drops its cookie.
pub fn forget(session: &Session<Visitor>) -> &'static str {
    session.destroy();
    "/"
}
