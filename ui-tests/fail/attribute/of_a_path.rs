use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(serde::rename = "uid")]
    user_id: Option<u64>,
}

fn main() {}
