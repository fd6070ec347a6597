use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::schema::SessionSchema;
use crate::session::Session;
use crate::web::extract::session_of;
use crate::web::rejection::Rejection;

impl<S: SessionSchema, T: Sync> FromRequestParts<T> for Session<S> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, Rejection> {
        session_of(&parts.extensions, &parts.headers).await
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.answer().into_response()
    }
}
