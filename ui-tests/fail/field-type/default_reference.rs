use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    name: &'static str,
}

fn main() {}
