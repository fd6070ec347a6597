use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename)]
    user_id: Option<u64>,
}

fn main() {}
