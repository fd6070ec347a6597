use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(secret(yes))]
    token: Option<String>,
}

fn main() {}
