use session::SessionSchema;

#[derive(SessionSchema)]
struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(flatten, secret)]
    auth: Auth,
}

fn main() {}
