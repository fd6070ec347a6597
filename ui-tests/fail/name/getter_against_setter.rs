use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<u64>,
    set_theme: Option<u64>,
}

fn main() {}
