use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = 7)]
    user_id: Option<u64>,
}

fn main() {}
