use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash)]
    notice: Option<&'static String>,
}

fn main() {}
