//! `/cart`: titles and quantities.

use std::collections::BTreeMap;

use session::Session;

use crate::books::BookForm;
use crate::form::short_line;
use crate::html::{page_of, text};
use crate::visitor::Visitor;

/// The page.
pub fn page(session: &Session<Visitor>) -> String {
    let cart = session.cart();
    let lines: String = cart.iter().map(line).collect();
    let books = if cart.is_empty() {
        r#"<p>It is empty. <a href="/books">The shelf is not.</a></p>"#.to_owned()
    } else {
        format!(
            r#"
        <table class="panel">
          <thead><tr><th scope="col">Title</th><th scope="col">Quantity</th></tr></thead>
          <tbody>{lines}</tbody>
        </table>"#
        )
    };
    let content = format!(
        r#"
        <h1>Your cart</h1>
        {books}
        <form class="panel" method="post" action="/cart/add">
          <h2>Not on the shelf?</h2>
          <label for="title">Any title: we order it for you</label>
          <input id="title" name="title" autocomplete="off">
          <button>Add to cart</button>
        </form>"#
    );
    page_of(session, "Your cart", &content)
}

fn line((title, quantity): (&String, &u32)) -> String {
    format!(
        r#"<tr><th scope="row">{}</th><td>{quantity}</td></tr>"#,
        text(title)
    )
}

/// Puts a book into the cart, and says where to go on. Takes any title, as a bookshop orders what it has not on the shelf.
pub fn add(session: &Session<Visitor>, form: &BookForm) -> &'static str {
    let Some(title) = short_line(&form.title) else {
        session.flash_error("A title has 1 to 100 characters.");
        return "/cart";
    };
    session.flash_success(format!("“{title}” is in your cart."));
    // Not `set_cart`: two clicks at the same moment both count, since the closure runs on the fresh cart.
    session.update_cart(move |cart| *cart.entry(title.clone()).or_default() += 1);
    "/cart"
}

pub(crate) fn count(cart: &BTreeMap<String, u32>) -> u32 {
    cart.values().sum()
}

pub(crate) fn count_in_words(cart: &BTreeMap<String, u32>) -> String {
    match count(cart) {
        0 => "no books".to_owned(),
        1 => "1 book".to_owned(),
        many => format!("{many} books"),
    }
}
