use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    started: Option<std::time::Instant>,
}

fn main() {}
