use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "10min")]
    code: Option<String>,
}

fn main() {}
