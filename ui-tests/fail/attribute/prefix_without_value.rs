use session::SessionSchema;

#[derive(SessionSchema)]
#[session(prefix)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
