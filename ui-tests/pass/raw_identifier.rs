#![deny(warnings)]

use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct r#Visitor {
    r#type: Option<String>,
    #[session(default)]
    r#match: u64,
    #[session(flash)]
    r#fn: Option<String>,
    #[session(default = 1)]
    r#gen: u8,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_type("admin");
    assert_eq!(session.r#type().as_deref(), Some("admin"));
    session.update_match(|number| *number += 1);
    assert_eq!(session.r#match(), 1);
    session.flash_fn("main");
    assert_eq!(session.take_fn().as_deref(), Some("main"));
    assert_eq!(session.r#gen(), 1);
    assert_eq!(Visitor::KEYS, ["type", "match", "fn", "gen"]);
}
