use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    id: Option<u64>,
}

fn main() {}
