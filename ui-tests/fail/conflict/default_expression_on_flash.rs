use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default = None)]
    #[session(flash)]
    notice: Option<String>,
}

fn main() {}
