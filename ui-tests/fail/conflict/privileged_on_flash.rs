use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash, privileged)]
    notice: Option<String>,
}

fn main() {}
