use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "id")]
    user_id: Option<u64>,
    #[session(rename = "id")]
    cart_id: Option<u64>,
}

fn main() {}
