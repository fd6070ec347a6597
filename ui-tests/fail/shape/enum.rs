use session::SessionSchema;

#[derive(SessionSchema)]
enum Visitor {
    Guest,
    User(u64),
}

fn main() {}
