use session::SessionSchema;

#[derive(SessionSchema)]
#[session(rename_all = "camel_case")]
struct Visitor {
    user_id: Option<u64>,
}

fn main() {}
