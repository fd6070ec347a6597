use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session("flash")]
    notice: Option<String>,
}

fn main() {}
