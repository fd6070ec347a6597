use session::SessionSchema;

#[derive(SessionSchema)]
#[session(accessors = "Visitor")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
