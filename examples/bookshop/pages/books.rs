//! `/books`: the shelf, and the form that adds to it.

use serde::Deserialize;
use session::Session;

use crate::form::short_line;
use crate::html::{page_of, text};
use crate::shelf::Shelf;
use crate::visitor::Visitor;

/// A book by its title, here and in the cart.
#[derive(Deserialize)]
pub struct BookForm {
    /// As it was typed.
    pub title: String,
}

/// The shelf.
pub fn page(session: &Session<Visitor>, shelf: &Shelf) -> String {
    let books: String = shelf.titles().iter().map(|title| card(title)).collect();
    let content = format!(
        r#"
        <div class="heading">
          <h1>Books</h1>
          <a class="button" href="/books/create">Add a book</a>
        </div>
        <ul class="shelf">{books}</ul>"#
    );
    page_of(session, "Books", &content)
}

fn card(title: &str) -> String {
    let title = text(title);
    format!(
        r#"
          <li class="book">
            <div class="cover"><span>{title}</span></div>
            <form method="post" action="/cart/add">
              <button name="title" value="{title}" aria-label="Add {title} to the cart">Add to cart</button>
            </form>
          </li>"#
    )
}

/// The page with the form.
pub fn form(session: &Session<Visitor>) -> String {
    // No `required` on the field: an empty title goes to the server, which answers with a flash message.
    let content = r#"
        <h1>Add a book</h1>
        <form class="panel" method="post" action="/books/create">
          <label for="title">Title</label>
          <input id="title" name="title" autocomplete="off" autofocus>
          <button>Add to the shelf</button>
        </form>"#;
    page_of(session, "Add a book", content)
}

/// Puts a book on the shelf, and says where to go on.
pub fn create(session: &Session<Visitor>, shelf: &Shelf, form: &BookForm) -> &'static str {
    let Some(title) = short_line(&form.title) else {
        session.flash_error("A title has 1 to 100 characters.");
        return "/books/create";
    };
    session.flash_success(format!("“{title}” is on the shelf."));
    shelf.add(title);
    "/books"
}
