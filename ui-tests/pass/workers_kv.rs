use session::{SessionSchema, SessionStorage, Untyped, WorkersKvStorage};
use worker::KvStore;

#[derive(SessionSchema)]
struct Shop {
    #[session(default)]
    cart: Vec<String>,
}

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<String>,
    #[session(flash)]
    notice: Option<String>,
    #[session(flatten)]
    shop: Shop,
    #[session(flatten, prefix = "gift_")]
    gift: Shop,
}

fn storages(kv: KvStore) -> [WorkersKvStorage; 3] {
    [
        WorkersKvStorage::new::<Visitor>(kv.clone()),
        WorkersKvStorage::new::<Untyped>(kv.clone()),
        WorkersKvStorage::accepting_eventual_consistency(kv),
    ]
}

fn is_session_storage(_: &impl SessionStorage) {}

fn main() {
    // Outside of a Worker there is no namespace to call these with.
    let _ = |kv| storages(kv).iter().for_each(is_session_storage);
}
