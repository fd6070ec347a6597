use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(flatten)]
    auth: Auth,
}

fn handler(session: Session<Visitor>) {
    session.set_user_id(7);
}

fn main() {}
