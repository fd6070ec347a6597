use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    theme: Option<String>,
}

#[derive(SessionSchema)]
struct Guest {
    #[session(rename = "theme")]
    look: Option<String>,
    #[session(rename = "user_id")]
    name: Option<String>,
}

session::compatible!(Visitor, Guest);

fn main() {}
