use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor(Option<u64>);

fn main() {}
