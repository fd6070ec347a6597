use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "99999999999999999999d")]
    code: Option<String>,
}

fn main() {}
