use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "-10m")]
    code: Option<String>,
}

fn main() {}
