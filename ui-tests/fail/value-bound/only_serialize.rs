use session::SessionSchema;

#[derive(serde::Serialize)]
struct Cart;

#[derive(SessionSchema)]
struct Visitor {
    cart: Option<Cart>,
}

fn main() {}
