use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    take_notice: Option<bool>,
    #[session(flash)]
    notice: Option<String>,
}

fn main() {}
