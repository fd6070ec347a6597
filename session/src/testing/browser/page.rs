use std::fmt;

use bytes::Bytes;
use http::header::AsHeaderName;
use http::{HeaderMap, Response, StatusCode, Uri};

/// What a [`Browser`](super::Browser) shows: the response at the end of the redirects, as a whole.
#[derive(Clone)]
pub struct Page {
    address: Uri,
    response: Response<Bytes>,
    refused_cookies: Vec<String>,
}

impl Page {
    pub(super) fn new(
        address: Uri,
        response: Response<Bytes>,
        refused_cookies: Vec<String>,
    ) -> Self {
        Self {
            address,
            response,
            refused_cookies,
        }
    }

    /// Where the page is: the address that was asked for, or the last that redirects led to.
    pub fn address(&self) -> &Uri {
        &self.address
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The value of the first header field of a name, if it is visible ASCII.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8. [`bytes`](Self::bytes) gives it whatever it is.
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(self.response.body()) {
            Ok(text) => text,
            Err(error) => panic!("the page at {} is no text: {error}", self.address),
        }
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        self.response.body()
    }

    /// Why the browser did not keep cookies that this response wanted to set, by the cookie's name. Most often it is a mistake in
    /// their attributes, and a real browser drops them without a word.
    pub fn refused_cookies(&self) -> &[String] {
        &self.refused_cookies
    }
}

impl fmt::Debug for Page {
    /// Does not show the body, nor what the layer has marked as sensitive in the header: the session's cookie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("address", &self.address)
            .field("status", &self.status())
            .field("headers", self.headers())
            .field("refused_cookies", &self.refused_cookies)
            .finish_non_exhaustive()
    }
}
