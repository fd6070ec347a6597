use session::{Session, SessionSchema};

#[derive(SessionSchema)]
#[session(strict)]
struct Visitor {
    user_id: Option<u64>,
    #[session(default)]
    cart: Vec<u64>,
    #[session(flash)]
    notice: Option<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    assert_eq!(session.user_id(), Some(7));
}
