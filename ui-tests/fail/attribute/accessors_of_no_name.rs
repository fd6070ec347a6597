use session::SessionSchema;

#[derive(SessionSchema)]
#[session(accessors = "Visitor Session")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
