use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default(3))]
    tries: u64,
}

fn main() {}
