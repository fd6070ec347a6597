use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(with = "hex")]
    color: Option<u32>,
}

fn main() {}
