use session::SessionSchema;

#[derive(Default)]
struct Cart;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    cart: Vec<Cart>,
}

fn main() {}
