use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash = "once")]
    notice: Option<String>,
}

fn main() {}
