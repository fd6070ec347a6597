use session::SessionSchema;

struct Cart;

#[derive(SessionSchema)]
struct Visitor {
    cart: Option<Cart>,
}

fn main() {}
