use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename_all = "camelCase")]
    user_id: Option<u64>,
}

fn main() {}
