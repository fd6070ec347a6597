//! ruts, with its defaults, and moka for memory: the one it has.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use fred::prelude::{Builder, ClientLike as _, Config};
use futures_util::future::LocalBoxFuture;
use ruts::store::moka::MokaStore;
use ruts::store::{SessionStore, Ttl};
use ruts::{CookieOptions, Session, SessionLayer};
use tower_cookies::CookieManagerLayer;

use self::redis::Redis;
use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

mod redis;

pub(super) struct Ruts;

impl Peer for Ruts {
    fn name(&self) -> &'static str {
        "ruts"
    }

    fn framework(&self) -> Framework {
        Framework::Axum
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            match storage {
                Storage::Memory { life } => {
                    // Unbounded, or it would drop sessions that the cases ask for again.
                    let mut store = MokaStore::builder().max_capacity(u64::MAX);
                    if let Some(life) = life {
                        store = store.time_to_live(life);
                    }
                    Some(router(store.build()))
                }
                Storage::Cookie => None,
                Storage::Redis(url) => {
                    let config = Config::from_url(url).expect("a URL of ours");
                    let client = Builder::from_config(config)
                        .build()
                        .expect("no option is set");
                    client.init().await.expect("the server was just started");
                    Some(router(Redis::new(client).await))
                }
            }
        })
    }
}

fn router<T: SessionStore>(store: T) -> App {
    let layer = SessionLayer::new(Arc::new(store)).with_cookie_options(CookieOptions::build());
    let router = Router::new()
        .route("/untouched", get(async || ()))
        .route("/read", get(read::<T>))
        .route("/write", get(write::<T>))
        .route("/login", get(log_in::<T>))
        .route("/seed/{keys}", get(seed::<T>))
        .route("/add/{number}", get(add::<T>))
        .route("/count", get(count::<T>))
        .layer(layer)
        .layer(CookieManagerLayer::new());
    App::axum(router)
}

async fn user<T: SessionStore>(session: &Session<T>) -> Option<u64> {
    session.get(USER).await.expect("the storage answers")
}

async fn set<T, V>(session: &Session<T>, key: &str, value: &V)
where
    T: SessionStore,
    V: serde::Serialize + Send + Sync,
{
    let day = Ttl::new(24 * 3600).expect("a positive number");
    session
        .set(key, value, day, None)
        .await
        .expect("the storage answers");
}

async fn read<T: SessionStore>(session: Session<T>) {
    assert!(user(&session).await.is_some());
}

async fn write<T: SessionStore>(session: Session<T>) {
    set(&session, USER, &next_user()).await;
}

async fn log_in<T: SessionStore>(session: Session<T>) {
    set(&session, USER, &next_user()).await;
    set(&session, "name", &"Ferris").await;
    set(&session, "role", &"reader").await;
}

async fn seed<T: SessionStore>(Path(keys): Path<usize>, session: Session<T>) {
    set(&session, USER, &FIRST_USER).await;
    for (key, text) in texts(keys) {
        set(&session, &key, &text).await;
    }
}

async fn add<T: SessionStore>(Path(number): Path<usize>, session: Session<T>) {
    assert!(user(&session).await.is_some());
    tokio::time::sleep(WAIT).await;
    set(&session, &added(number), &number).await;
}

async fn count<T: SessionStore>(session: Session<T>) -> [(&'static str, String); 1] {
    let mut kept = 0;
    for number in 0..AT_ONCE {
        let value = session.get::<usize>(&added(number)).await;
        kept += usize::from(value.expect("the storage answers").is_some());
    }
    [(COUNT, kept.to_string())]
}
