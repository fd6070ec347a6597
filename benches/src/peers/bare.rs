//! The frameworks alone: what a request costs before any session layer.

use actix_web::dev::Service as _;
use actix_web::web;
use axum::Router;
use axum::routing::get;
use tower::layer::util::Identity;

use crate::app::App;
use crate::work::next_user;

/// A web framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    Actix,
}

impl Framework {
    pub(crate) const ALL: [Self; 2] = [Self::Axum, Self::Actix];

    /// The same routes without a layer.
    pub(crate) async fn floor(self) -> App {
        match self {
            Self::Axum => App::axum(router()),
            Self::Actix => App::actix(actix_web::App::new().configure(routes)).await,
        }
    }

    /// The same routes under a layer that does nothing, which frameworks box.
    pub(crate) async fn under_nothing(self) -> App {
        match self {
            Self::Axum => App::axum(router().layer(Identity::new())),
            Self::Actix => {
                let nothing = actix_web::App::new()
                    .wrap_fn(|request, service| service.call(request))
                    .configure(routes);
                App::actix(nothing).await
            }
        }
    }
}

async fn nothing() {}

async fn write() {
    std::hint::black_box(next_user());
}

fn router() -> Router {
    Router::new()
        .route("/untouched", get(nothing))
        .route("/read", get(nothing))
        .route("/write", get(write))
        .route("/login", get(write))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/untouched", web::get().to(async || ""))
        .route("/read", web::get().to(async || ""))
        .route("/write", web::get().to(answer_after_write))
        .route("/login", web::get().to(answer_after_write));
}

async fn answer_after_write() -> &'static str {
    write().await;
    ""
}
