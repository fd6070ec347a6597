use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    cart: Option<&'static [u64]>,
}

fn main() {}
