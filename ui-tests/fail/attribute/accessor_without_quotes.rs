use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(accessor = visitor_id)]
    id: Option<u64>,
}

fn main() {}
