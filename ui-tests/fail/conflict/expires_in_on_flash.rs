use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash, expires_in = "10m")]
    notice: Option<String>,
}

fn main() {}
