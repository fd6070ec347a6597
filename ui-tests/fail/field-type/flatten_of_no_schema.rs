use session::SessionSchema;

struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(flatten)]
    auth: Auth,
}

fn main() {}
