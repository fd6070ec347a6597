use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    name: &'static str,
}

fn main() {}
