use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(prefix = "auth_")]
    user_id: Option<u64>,
}

fn main() {}
