use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(expire_in = "10m")]
    code: Option<String>,
}

fn main() {}
