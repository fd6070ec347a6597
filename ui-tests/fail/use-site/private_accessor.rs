use session::Session;

mod account {
    use session::SessionSchema;

    #[derive(SessionSchema)]
    pub struct Visitor {
        user_id: Option<u64>,
    }
}

fn handler(session: Session<account::Visitor>) {
    session.user_id();
}

fn main() {}
