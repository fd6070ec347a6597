use super::shop::Shop;
use crate::support::http::{Response, Visitor};

/// What the frameworks' servers say of themselves, and how they frame a body.
const OF_THE_SERVER: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "permissions-policy",
    "server",
    "transfer-encoding",
    "x-content-type-options",
    "x-frame-options",
];

/// An answer without what differs from visit to visit or is the server's own: what was asked, the status, the headers
/// and the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    asked: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A visit to the shop from the first page to the last, with its mistakes.
pub(crate) fn visit(shop: &Shop) -> Vec<Answer> {
    let mut visitor = shop.visitor();
    let mut answers = Vec::new();
    let mut get = |visitor: &mut Visitor, path: &str| {
        answers.push(record(format!("GET {path}"), visitor.get(path)));
    };
    for path in [
        "/",
        "/books",
        "/books/create",
        "/cart",
        "/login",
        "/session",
        "/style.css",
        "/nowhere",
    ] {
        get(&mut visitor, path);
    }
    let posts: [(&str, &[(&str, &str)]); 14] = [
        ("/set-theme", &[("theme", "dark")]),
        ("/set-theme", &[("theme", "blue")]),
        ("/set-theme", &[]),
        ("/books/create", &[("title", "Orlando & Co. <ü>")]),
        ("/books/create", &[("title", " ")]),
        ("/books/create", &[]),
        ("/cart/add", &[("title", "Orlando")]),
        ("/cart/add", &[("title", "")]),
        ("/login", &[("name", "Ada"), ("password", "wrong")]),
        ("/login", &[("name", "Ada")]),
        ("/login", &[("name", "Ada"), ("password", "secret")]),
        ("/logout", &[]),
        ("/forget", &[]),
        ("/nowhere", &[]),
    ];
    for (path, form) in posts {
        let answer = visitor.post(path, form);
        answers.push(record(format!("POST {path} {form:?}"), answer));
        for path in ["/", "/books", "/cart", "/session"] {
            answers.push(record(format!("GET {path}"), visitor.get(path)));
        }
    }
    answers
}

/// An answer as it can be compared.
fn record(asked: String, answer: Response) -> Answer {
    let mut headers: Vec<_> = answer
        .headers
        .into_iter()
        .filter(|(name, _)| !OF_THE_SERVER.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = match name.as_str() {
                "set-cookie" => without_value(&value),
                // RFC 8259 §11: JSON has no charset.
                "content-type" => {
                    value.replace("application/json; charset=utf-8", "application/json")
                }
                _ => value,
            };
            (name, value)
        })
        .collect();
    headers.sort();
    // The framework's own words.
    let is_refusal = answer.status == 422;
    if is_refusal {
        headers.retain(|(name, _)| name != "content-type");
    }
    Answer {
        asked,
        status: answer.status,
        headers,
        body: if is_refusal {
            String::new()
        } else {
            answer.body
        },
    }
}

/// A Set-Cookie field, its value but for whether there is one.
fn without_value(set_cookie: &str) -> String {
    let (name, rest) = set_cookie.split_once('=').expect("a name");
    let (value, attributes) = rest.split_once(';').expect("attributes");
    let value = if value.is_empty() { "" } else { "…" };
    format!("{name}={value};{attributes}")
}
