use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "0s")]
    code: Option<String>,
}

fn main() {}
