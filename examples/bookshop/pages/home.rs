//! `/`: the greeting, the theme and what the session holds.

use serde::Deserialize;
use session::Session;

use crate::cart;
use crate::html::{page_of, text};
use crate::theme::Theme;
use crate::visitor::Visitor;

/// The form that switches the theme. Anything but `light` or `dark` is no [`Theme`], so the form is refused.
#[derive(Deserialize)]
pub struct ThemeForm {
    /// The theme to wear.
    pub theme: Theme,
}

/// The page.
pub fn page(session: &Session<Visitor>) -> String {
    let user = session.user();
    let greeting = match &user {
        Some(name) => format!("Good to see you, {}.", text(name)),
        None => "Good books, well kept.".to_owned(),
    };
    let known_as = user.unwrap_or("nobody yet".to_owned());
    let theme = session.theme();
    let content = format!(
        r#"
        <section class="hero">
          <h1>{greeting}</h1>
          <p>A little shop that remembers you: your theme, your cart and your name live in a typed session.</p>
          <a class="button" href="/books">Browse the shelf</a>
        </section>
        <div class="panels">
          <section class="panel" aria-labelledby="look">
            <h2 id="look">Look</h2>
            <p>The shop wears its <strong>{theme}</strong> theme.</p>
            <form method="post" action="/set-theme">
              <button name="theme" value="{other}">Switch to {other}</button>
            </form>
          </section>
          <section class="panel" aria-labelledby="memory">
            <h2 id="memory">What the shop remembers</h2>
            <p>You are <strong>{known_as}</strong>, with <strong>{books}</strong> in the cart.
              <a href="/session">See your session as JSON</a></p>
            <form method="post" action="/forget">
              <button class="quiet">Forget me</button>
            </form>
          </section>
        </div>"#,
        theme = theme.name(),
        other = theme.other().name(),
        known_as = text(&known_as),
        books = cart::count_in_words(&session.cart()),
    );
    page_of(session, "Welcome", &content)
}

/// Keeps the theme, and says where to go on.
pub fn set_theme(session: &Session<Visitor>, form: &ThemeForm) -> &'static str {
    session.set_theme(form.theme);
    "/"
}
