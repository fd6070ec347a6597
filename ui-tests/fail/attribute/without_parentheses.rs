use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session]
    user_id: Option<u64>,
}

fn main() {}
