use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    name: Option<&'static str>,
}

fn main() {}
