//! `axum_session`, with its defaults.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum_session::{
    DatabasePool, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore,
};
use axum_session_redispool::SessionRedisPool;
use futures_util::future::LocalBoxFuture;
use redis_pool::RedisPool;
use std::fmt::Debug;

use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

pub(super) struct AxumSession;

impl Peer for AxumSession {
    fn name(&self) -> &'static str {
        "axum_session"
    }

    fn framework(&self) -> Framework {
        Framework::Axum
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            let config = SessionConfig::default();
            match storage {
                Storage::Memory { life } => {
                    let config = match life {
                        Some(life) => {
                            let life = time::Duration::try_from(life).expect("some minutes");
                            config
                                .with_lifetime(life)
                                .with_memory_lifetime(life)
                                .with_purge_update(life)
                        }
                        None => config,
                    };
                    Some(router::<SessionNullPool>(None, config).await)
                }
                Storage::Cookie => None,
                Storage::Redis(url) => {
                    let client = redis::Client::open(url).expect("a URL of ours");
                    let pool = SessionRedisPool::from(RedisPool::from(client));
                    // Nothing stays in the process, as it must not where there are several.
                    let config = config.with_memory_lifetime(time::Duration::ZERO);
                    Some(router(Some(pool), config).await)
                }
            }
        })
    }
}

async fn router<P>(pool: Option<P>, config: SessionConfig) -> App
where
    P: DatabasePool + Clone + Debug + Sync + Send + 'static,
{
    let store = SessionStore::<P>::new(pool, config)
        .await
        .expect("the server was just started");
    let router = Router::new()
        .route("/untouched", get(async || ()))
        .route("/read", get(read::<P>))
        .route("/write", get(write::<P>))
        .route("/login", get(log_in::<P>))
        .route("/seed/{keys}", get(seed::<P>))
        .route("/add/{number}", get(add::<P>))
        .route("/count", get(count::<P>))
        .layer(SessionLayer::new(store));
    App::axum(router)
}

/// What a pool has to be for the library's own extractor.
trait Pool: DatabasePool + Clone + Debug + Sync + Send + 'static {}

impl<P: DatabasePool + Clone + Debug + Sync + Send + 'static> Pool for P {}

async fn read<P: Pool>(session: Session<P>) {
    assert!(session.get::<u64>(USER).is_some());
}

async fn write<P: Pool>(session: Session<P>) {
    session.set(USER, next_user());
}

async fn log_in<P: Pool>(session: Session<P>) {
    session.set(USER, next_user());
    session.set("name", "Ferris");
    session.set("role", "reader");
}

async fn seed<P: Pool>(Path(keys): Path<usize>, session: Session<P>) {
    session.set(USER, FIRST_USER);
    for (key, text) in texts(keys) {
        session.set(&key, text);
    }
}

async fn add<P: Pool>(Path(number): Path<usize>, session: Session<P>) {
    assert!(session.get::<u64>(USER).is_some());
    tokio::time::sleep(WAIT).await;
    session.set(&added(number), number);
}

async fn count<P: Pool>(session: Session<P>) -> [(&'static str, String); 1] {
    let kept = (0..AT_ONCE).filter(|&number| session.get::<usize>(&added(number)).is_some());
    [(COUNT, kept.count().to_string())]
}
