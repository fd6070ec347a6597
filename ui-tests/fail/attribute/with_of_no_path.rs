use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(with = "my hex")]
    color: Option<u32>,
}

fn main() {}
