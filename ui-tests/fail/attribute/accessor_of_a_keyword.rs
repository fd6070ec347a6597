use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(accessor = "type")]
    kind: Option<u64>,
}

fn main() {}
