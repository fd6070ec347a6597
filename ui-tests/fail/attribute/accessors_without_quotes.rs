use session::SessionSchema;

#[derive(SessionSchema)]
#[session(accessors = Cart)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
