use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash, default)]
    notice: Option<String>,
}

fn main() {}
