use session::SessionSchema;

#[derive(SessionSchema)]
#[session(rename_all = camelCase)]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
