use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "1.5h")]
    code: Option<String>,
}

fn main() {}
