use session::SessionSchema;

#[derive(SessionSchema)]
#[session(crate = 7)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
