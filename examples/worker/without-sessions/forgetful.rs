//! What has the methods of a session, and is gone with its request.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Value, json};

use crate::theme::Theme;

/// In place of the schema.
pub mod visitor {
    /// A visitor whom nobody remembers.
    pub struct Visitor;
}

/// In place of the library's session.
pub struct Session<S = ()> {
    values: RefCell<Values>,
    schema: PhantomData<S>,
}

#[derive(Default)]
struct Values {
    user: Option<String>,
    theme: Theme,
    cart: BTreeMap<String, u32>,
    success: Option<String>,
    error: Option<String>,
}

impl<S, State: Sync> FromRequestParts<State> for Session<S> {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &State) -> Result<Self, Infallible> {
        Ok(Self {
            values: RefCell::default(),
            schema: PhantomData,
        })
    }
}

#[expect(missing_docs, reason = "they are those of the session")]
impl<S> Session<S> {
    pub fn user(&self) -> Option<String> {
        self.values.borrow().user.clone()
    }

    pub fn set_user(&self, user: String) {
        self.values.borrow_mut().user = Some(user);
    }

    pub fn theme(&self) -> Theme {
        self.values.borrow().theme
    }

    pub fn set_theme(&self, theme: Theme) {
        self.values.borrow_mut().theme = theme;
    }

    pub fn cart(&self) -> BTreeMap<String, u32> {
        self.values.borrow().cart.clone()
    }

    pub fn update_cart(&self, change: impl FnOnce(&mut BTreeMap<String, u32>)) {
        change(&mut self.values.borrow_mut().cart);
    }

    pub fn flash_success(&self, message: impl Into<String>) {
        self.values.borrow_mut().success = Some(message.into());
    }

    pub fn take_success(&self) -> Option<String> {
        self.values.borrow_mut().success.take()
    }

    pub fn flash_error(&self, message: impl Into<String>) {
        self.values.borrow_mut().error = Some(message.into());
    }

    pub fn take_error(&self) -> Option<String> {
        self.values.borrow_mut().error.take()
    }

    pub fn destroy(&self) {
        self.values.take();
    }

    pub fn data(&self) -> Value {
        let values = self.values.borrow();
        json!({ "user": values.user, "theme": values.theme, "cart": values.cart })
    }
}
