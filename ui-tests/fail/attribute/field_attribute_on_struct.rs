use session::SessionSchema;

#[derive(SessionSchema)]
#[session(flash)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
