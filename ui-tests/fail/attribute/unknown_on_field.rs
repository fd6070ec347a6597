use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(lifetime = "10m")]
    user_id: Option<u64>,
}

fn main() {}
