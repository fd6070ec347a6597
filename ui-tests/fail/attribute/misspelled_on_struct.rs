use session::SessionSchema;

#[derive(SessionSchema)]
#[session(renameall = "camelCase")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
