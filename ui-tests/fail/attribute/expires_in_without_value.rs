use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in)]
    code: Option<String>,
}

fn main() {}
