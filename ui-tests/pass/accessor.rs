use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    // `session.id()` is the session's own.
    #[session(accessor = "visitor_id")]
    id: Option<u64>,
    #[session(flash, accessor = "r#type")]
    kind: Option<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_visitor_id(7);
    session.flash_type("new");
    assert_eq!(session.visitor_id(), Some(7));
    assert_eq!(session.take_type().as_deref(), Some("new"));
    assert_eq!(Visitor::KEYS, ["id", "kind"]);
}
