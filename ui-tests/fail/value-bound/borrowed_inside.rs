use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    cart: Option<Vec<&'static str>>,
}

fn main() {}
