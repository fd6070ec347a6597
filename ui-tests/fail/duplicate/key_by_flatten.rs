use session::SessionSchema;

#[derive(SessionSchema)]
struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    #[session(flatten)]
    auth: Auth,
}

fn main() {}
