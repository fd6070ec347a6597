use session::SessionSchema;

#[derive(SessionSchema)]
#[session(table = "visitors")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
