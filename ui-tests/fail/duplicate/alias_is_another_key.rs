use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = "theme")]
    user_id: Option<u64>,
    theme: Option<String>,
}

fn main() {}
