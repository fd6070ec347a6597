use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<Option<u64>>,
}

fn main() {}
