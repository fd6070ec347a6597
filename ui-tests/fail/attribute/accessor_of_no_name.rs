use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(accessor = "visitor id")]
    id: Option<u64>,
}

fn main() {}
