use session::SessionSchema;

#[derive(SessionSchema)]
#[session(crate = "my session")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
