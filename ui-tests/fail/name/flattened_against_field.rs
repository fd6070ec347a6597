use session::SessionSchema;

#[derive(SessionSchema)]
struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(flatten, accessor = "theme")]
    auth: Auth,
    theme: Option<String>,
}

fn main() {}
