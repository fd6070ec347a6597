use session::SessionSchema;

#[derive(SessionSchema)]
union Visitor {
    id: u64,
}

fn main() {}
