//! tower-sessions, with its defaults.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use fred::prelude::{ClientLike as _, Config, Pool};
use futures_util::future::LocalBoxFuture;
use time::Duration;
use tower_sessions_memory_store::MemoryStore;
use tower_sessions_redis_store::RedisStore;

use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

pub(super) struct TowerSessions;

impl Peer for TowerSessions {
    fn name(&self) -> &'static str {
        "tower-sessions"
    }

    fn framework(&self) -> Framework {
        Framework::Axum
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            let router = match storage {
                Storage::Memory { life } => {
                    use tower_sessions::{Expiry, SessionManagerLayer};
                    let mut layer = SessionManagerLayer::new(MemoryStore::default());
                    if let Some(life) = life {
                        let life = Duration::try_from(life).expect("some minutes");
                        layer = layer.with_expiry(Expiry::OnInactivity(life));
                    }
                    newest::router().layer(layer)
                }
                Storage::Cookie => return None,
                Storage::Redis(url) => {
                    let config = Config::from_url(url).expect("a URL of ours");
                    // Six connections, as its documentation has it.
                    let pool = Pool::new(config, None, None, None, 6).expect("six are allowed");
                    pool.init().await.expect("the server was just started");
                    let store = RedisStore::new(pool);
                    before::router().layer(tower_sessions_0_14::SessionManagerLayer::new(store))
                }
            };
            Some(App::axum(router))
        })
    }
}

/// The handlers, for the type `Session` of a release.
macro_rules! release {
    ($module:ident, $tower_sessions:ident) => {
        mod $module {
            use super::*;
            use $tower_sessions::Session;

            pub(super) fn router() -> Router {
                Router::new()
                    .route("/untouched", get(async || ()))
                    .route("/read", get(read))
                    .route("/write", get(write))
                    .route("/login", get(log_in))
                    .route("/seed/{keys}", get(seed))
                    .route("/add/{number}", get(add))
                    .route("/count", get(count))
            }

            async fn user(session: &Session) -> Option<u64> {
                session.get(USER).await.expect("the storage answers")
            }

            async fn insert(session: &Session, key: &str, value: impl serde::Serialize) {
                session
                    .insert(key, value)
                    .await
                    .expect("the storage answers");
            }

            async fn read(session: Session) {
                assert!(user(&session).await.is_some());
            }

            async fn write(session: Session) {
                insert(&session, USER, next_user()).await;
            }

            async fn log_in(session: Session) {
                insert(&session, USER, next_user()).await;
                insert(&session, "name", "Ferris").await;
                insert(&session, "role", "reader").await;
            }

            async fn seed(Path(keys): Path<usize>, session: Session) {
                insert(&session, USER, FIRST_USER).await;
                for (key, text) in texts(keys) {
                    insert(&session, &key, text).await;
                }
            }

            async fn add(Path(number): Path<usize>, session: Session) {
                assert!(user(&session).await.is_some());
                tokio::time::sleep(WAIT).await;
                insert(&session, &added(number), number).await;
            }

            async fn count(session: Session) -> [(&'static str, String); 1] {
                let mut kept = 0;
                for number in 0..AT_ONCE {
                    let value = session.get::<usize>(&added(number)).await;
                    kept += usize::from(value.expect("the storage answers").is_some());
                }
                [(COUNT, kept.to_string())]
            }
        }
    };
}

release!(newest, tower_sessions);
release!(before, tower_sessions_0_14);
