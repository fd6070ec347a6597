use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash)]
    notice: Option<Option<String>>,
}

fn main() {}
