use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    #[session(rename = "user_id")]
    uid: Option<u64>,
}

fn main() {}
