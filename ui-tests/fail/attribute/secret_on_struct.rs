use session::SessionSchema;

#[derive(SessionSchema)]
#[session(secret)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
