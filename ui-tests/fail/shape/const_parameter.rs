use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor<const N: usize> {
    name: Option<[u8; N]>,
}

fn main() {}
