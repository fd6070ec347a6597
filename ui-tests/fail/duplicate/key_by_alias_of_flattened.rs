use session::SessionSchema;

#[derive(SessionSchema)]
struct Auth {
    #[session(alias = "uid")]
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    uid: Option<u64>,
    #[session(flatten)]
    auth: Auth,
}

fn main() {}
