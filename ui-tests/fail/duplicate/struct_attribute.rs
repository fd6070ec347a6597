use session::SessionSchema;

#[derive(SessionSchema)]
#[session(rename_all = "camelCase", rename_all = "PascalCase")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
