use session::SessionSchema;

#[derive(SessionSchema)]
#[session(strict = true)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
