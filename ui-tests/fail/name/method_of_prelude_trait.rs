use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    into: Option<String>,
}

fn main() {}
