use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(priviledged)]
    user_id: Option<u64>,
}

fn main() {}
