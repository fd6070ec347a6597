use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash = 2)]
    notice: Option<String>,
}

fn main() {}
