use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash into)]
    notice: Option<String>,
}

fn main() {}
