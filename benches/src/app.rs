//! An application of either framework, called in process: no sockets, no server.

use std::fmt::Debug;

use actix_http::Request as ActixRequest;
use actix_service::boxed::{RcService, rc_service};
use actix_service::{IntoServiceFactory, Service as _, ServiceFactory};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request as AxumRequest, Response as AxumResponse};
use tower::Service as _;

use crate::work::COUNT;

/// Routes that answer requests. A clone shares them.
#[derive(Clone)]
pub(crate) enum App {
    Axum(Router),
    /// Boxed once, so that the type has a name: its floor is as well.
    Actix(RcService<ActixRequest, ServiceResponse, actix_web::Error>),
}

/// A request, made before the clock runs.
pub(crate) enum Request {
    Axum(AxumRequest<Body>),
    Actix(ActixRequest),
}

/// What an application answered.
pub(crate) enum Response {
    Axum(AxumResponse<Body>),
    Actix(ServiceResponse),
}

impl App {
    /// A router's.
    pub(crate) fn axum(router: Router) -> Self {
        Self::Axum(router)
    }

    /// An actix application's.
    pub(crate) async fn actix<R, S>(app: R) -> Self
    where
        R: IntoServiceFactory<S, ActixRequest> + 'static,
        S: ServiceFactory<
                ActixRequest,
                Config = AppConfig,
                Response = ServiceResponse,
                Error = actix_web::Error,
            > + 'static,
        S::InitError: Debug,
    {
        Self::Actix(rc_service(init_service(app).await))
    }

    /// A GET request of that path, with that Cookie field.
    pub(crate) fn request(&self, path: &str, cookie: Option<&str>) -> Request {
        match self {
            Self::Axum(_) => {
                let mut request = AxumRequest::get(path);
                if let Some(cookie) = cookie {
                    request = request.header(COOKIE, cookie);
                }
                let request = request.body(Body::empty());
                Request::Axum(request.expect("paths and cookies of ours are well formed"))
            }
            Self::Actix(_) => {
                let mut request = TestRequest::with_uri(path);
                if let Some(cookie) = cookie {
                    request = request.insert_header((actix_web::http::header::COOKIE, cookie));
                }
                Request::Actix(request.to_request())
            }
        }
    }

    /// Answers a request that [`request`](Self::request) has made.
    pub(crate) async fn call(&self, request: Request) -> Response {
        match (self, request) {
            (Self::Axum(router), Request::Axum(request)) => {
                // A router is a pointer, and always ready.
                let Ok(response) = router.clone().call(request).await;
                Response::Axum(response)
            }
            (Self::Actix(service), Request::Actix(request)) => {
                let response = service.call(request).await;
                Response::Actix(response.expect("no handler and no middleware here fails"))
            }
            _ => unreachable!("an application answers its own requests"),
        }
    }

    /// Asks for that path and expects success.
    pub(crate) async fn get(&self, path: &str, cookie: Option<&str>) -> Response {
        let response = self.call(self.request(path, cookie)).await;
        assert_eq!(response.status(), 200, "GET {path}");
        response
    }

    /// The Cookie field of a new session of so many keys.
    pub(crate) async fn new_session(&self, keys: usize) -> String {
        let response = self.get(&format!("/seed/{keys}"), None).await;
        response.cookie()
    }
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Axum(response) => response.status().as_u16(),
            Self::Actix(response) => response.status().as_u16(),
        }
    }

    /// The Cookie field that a browser would send after this response.
    pub(crate) fn cookie(&self) -> String {
        let fields: Vec<_> = match self {
            Self::Axum(response) => response
                .headers()
                .get_all(SET_COOKIE)
                .iter()
                .map(|field| field.to_str().ok())
                .collect(),
            Self::Actix(response) => response
                .headers()
                .get_all(actix_web::http::header::SET_COOKIE)
                .map(|field| field.to_str().ok())
                .collect(),
        };
        let pairs: Vec<_> = fields
            .iter()
            .flatten()
            .filter_map(|field| field.split(';').next())
            .collect();
        pairs.join("; ")
    }

    /// What `/count` says.
    pub(crate) fn count(&self) -> Option<usize> {
        let field = match self {
            Self::Axum(response) => response.headers().get(COUNT)?.to_str().ok(),
            Self::Actix(response) => response.headers().get(COUNT)?.to_str().ok(),
        };
        field?.parse().ok()
    }
}
