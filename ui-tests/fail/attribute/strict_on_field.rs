use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(strict)]
    user_id: Option<u64>,
}

fn main() {}
