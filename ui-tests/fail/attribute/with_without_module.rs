use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(with)]
    color: Option<u32>,
}

fn main() {}
