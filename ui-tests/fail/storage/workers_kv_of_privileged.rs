use session::{SessionSchema, WorkersKvStorage};
use worker::KvStore;

#[derive(SessionSchema)]
struct Visitor {
    #[session(privileged)]
    user_id: Option<u64>,
}

fn storage(kv: KvStore) -> WorkersKvStorage {
    WorkersKvStorage::new::<Visitor>(kv)
}

fn main() {}
