use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(skip = "always")]
    user_id: Option<u64>,
}

fn main() {}
