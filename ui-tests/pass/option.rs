use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    assert_eq!(session.user_id(), None);
    assert!(!session.has_user_id());

    session.set_user_id(7);
    assert_eq!(session.user_id(), Some(7));
    assert!(session.has_user_id());

    session.update_user_id(|id| *id = id.map(|id| id + 1));
    assert_eq!(session.user_id(), Some(8));

    session.unset_user_id();
    assert_eq!(session.user_id(), None);
    assert_eq!(Visitor::KEYS, ["user_id"]);
}
