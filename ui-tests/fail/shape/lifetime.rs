use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor<'a> {
    name: Option<&'a str>,
}

fn main() {}
