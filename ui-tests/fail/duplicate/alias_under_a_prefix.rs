use session::SessionSchema;

#[derive(SessionSchema)]
#[session(prefix = "shop_")]
struct Visitor {
    #[session(alias = "shop_cart")]
    user_id: Option<u64>,
    cart: Option<u64>,
}

fn main() {}
