use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "expiry")]
    expires_at: Option<u64>,
}

fn main() {}
