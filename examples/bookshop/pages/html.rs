//! The frame around every page, in plain HTML without scripts.
//!
//! Whatever a visitor typed goes through `text` on its way into a page.

use std::fmt::{self, Display, Formatter, Write};

use session::Session;

use crate::cart;
use crate::theme::Theme;
use crate::visitor::Visitor;

/// A whole page: the navigation, the flash messages, and `content`, which is HTML already.
pub(crate) fn page_of(session: &Session<Visitor>, title: &str, content: &str) -> String {
    let messages = flash_messages(session);
    let content = format!("{messages}{content}");
    document(session.theme(), title, &links(session), &content)
}

/// What a visitor typed, escaped for HTML: for text and for attributes in quotes.
pub(crate) fn text(raw: &str) -> impl Display {
    struct Escaped<'a>(&'a str);

    impl Display for Escaped<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            for character in self.0.chars() {
                match character {
                    '&' => f.write_str("&amp;")?,
                    '<' => f.write_str("&lt;")?,
                    '>' => f.write_str("&gt;")?,
                    '"' => f.write_str("&quot;")?,
                    '\'' => f.write_str("&#39;")?,
                    other => f.write_char(other)?,
                }
            }
            Ok(())
        }
    }

    Escaped(raw)
}

/// The style sheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// The page for a path that is none. Without the session: a browser that asks for a missing picture must not use up a flash
/// message.
pub fn not_found() -> String {
    refusal("There is no such page.")
}

/// The page for a method that a path does not take, without the session as well.
pub fn method_not_allowed() -> String {
    refusal("This page is not used that way.")
}

fn refusal(sentence: &str) -> String {
    let content = format!(r#"<h1>{sentence}</h1><p><a href="/">Back to the shop</a></p>"#);
    document(Theme::default(), sentence, "", &content)
}

/// Reads the flash messages, and with that uses them up.
fn flash_messages(session: &Session<Visitor>) -> String {
    let success = session.take_success().map(|message| {
        format!(
            r#"<p class="flash flash-success" role="status">{}</p>"#,
            text(&message)
        )
    });
    let error = session.take_error().map(|message| {
        format!(
            r#"<p class="flash flash-error" role="alert">{}</p>"#,
            text(&message)
        )
    });
    success.into_iter().chain(error).collect()
}

fn links(session: &Session<Visitor>) -> String {
    let books = cart::count(&session.cart());
    let account = match session.user() {
        Some(name) => format!(
            r#"<span class="user">{}</span>
          <form method="post" action="/logout"><button class="quiet">Log out</button></form>"#,
            text(&name)
        ),
        None => r#"<a href="/login">Log in</a>"#.to_owned(),
    };
    format!(
        r#"
          <a href="/books">Books</a>
          <a href="/cart">Cart <span class="count">{books}</span></a>
          {account}"#
    )
}

fn document(theme: Theme, title: &str, links: &str, content: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en" data-theme="{theme}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title} · Bookshop</title>
    <link rel="stylesheet" href="/style.css">
    <link rel="icon" href="data:,">
  </head>
  <body>
    <header>
      <nav aria-label="Main">
        <a class="brand" href="/">Bookshop</a>
        <div class="links">{links}
        </div>
      </nav>
    </header>
    <main>{content}
    </main>
    <footer>Every visit is a typed session. <a href="/session">Look inside yours.</a></footer>
  </body>
</html>
"#,
        theme = theme.name(),
    )
}
