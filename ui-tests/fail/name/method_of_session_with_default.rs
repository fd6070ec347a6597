use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    is_new: bool,
}

fn main() {}
