use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor<T> {
    theme: Option<T>,
}

fn main() {}
