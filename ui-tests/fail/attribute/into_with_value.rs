use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(into = true)]
    name: Option<Box<str>>,
}

fn main() {}
