use session::SessionSchema;

#[derive(serde::Serialize, serde::Deserialize)]
struct Cart;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    cart: Cart,
}

fn main() {}
