use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    uid: Option<String>,
}

#[derive(SessionSchema)]
struct Guest {
    #[session(alias = "uid")]
    user_id: Option<u64>,
}

session::compatible!(Visitor, Guest);

fn main() {}
