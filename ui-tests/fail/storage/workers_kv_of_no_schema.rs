use session::WorkersKvStorage;
use worker::KvStore;

struct Visitor {
    theme: Option<String>,
}

fn storage(kv: KvStore) -> WorkersKvStorage {
    WorkersKvStorage::new::<Visitor>(kv)
}

fn main() {}
