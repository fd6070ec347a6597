use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "uid")]
    user_id: Option<u64>,
    // Two names may be exchanged: only the keys have to differ.
    #[session(rename = "second")]
    first: Option<u64>,
    #[session(rename = "first")]
    second: Option<u64>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    assert!(session.untyped().has("uid"));
    assert!(!session.untyped().has("user_id"));

    session.set_first(1);
    assert_eq!(session.second(), None);
    assert_eq!(Visitor::KEYS, ["uid", "second", "first"]);
}
