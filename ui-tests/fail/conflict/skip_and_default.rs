use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(skip, default)]
    cache: u64,
}

fn main() {}
