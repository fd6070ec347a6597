use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = "id")]
    user_id: Option<u64>,
    #[session(alias = "id")]
    cart_id: Option<u64>,
}

fn main() {}
