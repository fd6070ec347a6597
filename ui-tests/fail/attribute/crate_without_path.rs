use session::SessionSchema;

#[derive(SessionSchema)]
#[session(crate)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
