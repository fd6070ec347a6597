use session::SessionSchema;

#[derive(SessionSchema)]
#[session(rename_all = "camelCase")]
struct Visitor {
    #[session(rename = "userId")]
    uid: Option<u64>,
    user_id: Option<u64>,
}

fn main() {}
