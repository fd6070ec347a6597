use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash)]
    notice: String,
}

fn main() {}
