use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "a", rename = "b")]
    user_id: Option<u64>,
}

fn main() {}
