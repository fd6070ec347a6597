use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default =)]
    tries: u64,
}

fn main() {}
