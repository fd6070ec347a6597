use session::SessionSchema;

#[derive(SessionSchema)]
struct Auth {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(rename = "auth_user_id")]
    id_of_auth: Option<u64>,
    #[session(flatten, prefix = "auth_")]
    auth: Auth,
}

fn main() {}
