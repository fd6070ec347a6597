use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = "uid", alias = "uid")]
    user_id: Option<u64>,
}

fn main() {}
