use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "10")]
    code: Option<String>,
}

fn main() {}
