use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<String>,
    #[session(skip)]
    cache: u64,
}

fn handler(session: Session<Visitor>) -> u64 {
    session.cache()
}

fn main() {}
