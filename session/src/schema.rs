use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::handle::Handle;

/// What a session holds, as a type: its keys, and the accessors of [`Session<S>`](crate::Session).
///
/// Implemented by `#[derive(SessionSchema)]` on a struct with named fields. Nobody builds that struct: its fields
/// name what is stored. [`Untyped`] is the schema of the dynamic core.
///
/// # Example
///
/// ```
/// use session::{Session, SessionSchema};
///
/// #[derive(SessionSchema)]
/// struct Visitor {
///     user_id: Option<u64>,
/// }
///
/// let session = Session::new().schema::<Visitor>();
/// session.set_user_id(7);
/// assert_eq!(session.user_id(), Some(7));
/// assert_eq!(Visitor::KEYS, ["user_id"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session schema",
    label = "this type has no session accessors",
    note = "write `#[derive(SessionSchema)]` above `{Self}`"
)]
pub trait SessionSchema: Sized + 'static {
    /// The type whose methods are the accessors: `VisitorSession` for `Visitor`.
    type Accessors: Clone + Send + Sync + 'static;

    /// The keys under which the schema's fields are stored, in the order of the fields.
    const KEYS: &'static [&'static str];

    #[doc(hidden)]
    fn __accessors(handle: Handle) -> Self::Accessors;

    #[doc(hidden)]
    fn __handle(accessors: &Self::Accessors) -> &Handle;
}

/// The schema of the dynamic core: no accessors, every key by name.
#[derive(Debug, Clone, Copy)]
pub enum Untyped {}

impl SessionSchema for Untyped {
    type Accessors = Handle;
    const KEYS: &'static [&'static str] = &[];

    fn __accessors(handle: Handle) -> Handle {
        handle
    }

    fn __handle(accessors: &Handle) -> &Handle {
        accessors
    }
}

/// A type that a session can hold: it can be written as JSON, read back, and borrows from nothing.
///
/// Implemented for every `T: Serialize + DeserializeOwned + 'static` of serde.
#[diagnostic::on_unimplemented(
    message = "a session cannot store `{Self}`",
    label = "needs serde's `Serialize` and `Deserialize`, and no borrowed data",
    note = "derive both above the type: `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait SessionValue: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> SessionValue for T {}

/// What the code made by the derive calls. Not part of the public interface.
#[doc(hidden)]
pub mod runtime {
    pub use crate::changes::FlashLifetime;
    pub use crate::handle::Handle;

    use super::SessionValue;

    pub fn get<T: SessionValue>(handle: &Handle, key: &'static str) -> Option<T> {
        handle.lasting(key)
    }

    pub fn get_or<T: SessionValue>(handle: &Handle, key: &'static str, default: fn() -> T) -> T {
        handle.lasting(key).unwrap_or_else(default)
    }

    pub fn set<T: SessionValue>(handle: &Handle, key: &'static str, value: &T) {
        handle.set(key, value);
    }

    pub fn update<T: SessionValue>(
        handle: &Handle,
        key: &'static str,
        change: impl Fn(&mut Option<T>) + Send + 'static,
    ) {
        handle.update(key, change);
    }

    pub fn update_or<T: SessionValue>(
        handle: &Handle,
        key: &'static str,
        default: fn() -> T,
        change: impl Fn(&mut T) + Send + 'static,
    ) {
        handle.update(key, move |value: &mut Option<T>| {
            change(value.get_or_insert_with(default));
        });
    }

    pub fn unset(handle: &Handle, key: &'static str) {
        handle.unset_lasting(key);
    }

    pub fn has(handle: &Handle, key: &'static str) -> bool {
        handle.has_lasting(key)
    }

    pub fn flash<T: SessionValue>(
        handle: &Handle,
        key: &'static str,
        lifetime: FlashLifetime,
        value: &T,
    ) {
        handle.flash(key, lifetime, value);
    }

    pub fn take<T: SessionValue>(handle: &Handle, key: &'static str) -> Option<T> {
        handle.take_flash(key)
    }

    pub fn peek<T: SessionValue>(handle: &Handle, key: &'static str) -> Option<T> {
        handle.peek_flash(key)
    }

    pub fn has_flash(handle: &Handle, key: &'static str) -> bool {
        handle.has_flash(key)
    }

    pub fn keep(handle: &Handle, key: &'static str) {
        handle.keep(key);
    }
}
