use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default = "light")]
    theme: String,
}

fn main() {}
