use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    has_theme: Option<bool>,
    theme: Option<u64>,
}

fn main() {}
