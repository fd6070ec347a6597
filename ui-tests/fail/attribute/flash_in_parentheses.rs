use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash(next_request))]
    notice: Option<String>,
}

fn main() {}
