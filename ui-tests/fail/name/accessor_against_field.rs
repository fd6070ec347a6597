use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(accessor = "theme")]
    look: Option<u64>,
    theme: Option<String>,
}

fn main() {}
