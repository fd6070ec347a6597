use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(privileged)]
    user_id: Option<u64>,
    #[session(privileged, default)]
    roles: Vec<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    let first = session.id();
    session.set_user_id(7);
    let second = session.id();
    assert_ne!(first, second);
    session.set_user_id(7);
    assert_eq!(session.id(), second);
    session.update_roles(|roles| roles.push("admin".to_owned()));
    assert_ne!(session.id(), second);
}
