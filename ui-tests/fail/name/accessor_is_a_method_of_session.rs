use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(accessor = "id")]
    user_id: Option<u64>,
}

fn main() {}
