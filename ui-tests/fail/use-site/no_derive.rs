use session::Session;

struct Visitor {
    user_id: Option<u64>,
}

fn handler(_: &Session<Visitor>) {}

fn main() {}
