use session::SessionSchema;

struct Notice;

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash)]
    notice: Option<Notice>,
}

fn main() {}
