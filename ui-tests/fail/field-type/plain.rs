use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    theme: Vec<std::string::String>,
}

fn main() {}
