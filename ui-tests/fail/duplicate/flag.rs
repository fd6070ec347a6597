use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(secret, secret)]
    token: Option<String>,
}

fn main() {}
