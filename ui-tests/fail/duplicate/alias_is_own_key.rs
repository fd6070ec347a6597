use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = "user_id")]
    user_id: Option<u64>,
}

fn main() {}
