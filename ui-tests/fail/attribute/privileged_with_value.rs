use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(privileged = true)]
    user_id: Option<u64>,
}

fn main() {}
