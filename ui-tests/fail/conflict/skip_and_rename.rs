use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "c", skip)]
    cache: u64,
}

fn main() {}
