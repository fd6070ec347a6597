use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(defualt)]
    cart: Vec<u64>,
}

fn main() {}
