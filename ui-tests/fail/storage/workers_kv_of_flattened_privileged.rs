use session::{SessionSchema, WorkersKvStorage};
use worker::KvStore;

#[derive(SessionSchema)]
struct Auth {
    #[session(privileged)]
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
struct Shop {
    #[session(default)]
    cart: Vec<String>,
}

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<String>,
    #[session(flatten)]
    shop: Shop,
    #[session(flatten)]
    auth: Auth,
}

fn storage(kv: KvStore) -> WorkersKvStorage {
    WorkersKvStorage::new::<Visitor>(kv)
}

fn main() {}
