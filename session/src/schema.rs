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

/// What the code made by the derive consists of. Not part of the public interface.
///
/// Each field is a constant, and each accessor is one call of a method of that constant. Only the function that makes the
/// constant needs `T: SessionValue`, so a type that cannot be stored is one error, and not one for each accessor.
#[doc(hidden)]
pub mod runtime {
    pub use crate::changes::FlashLifetime;
    pub use crate::handle::Handle;

    use super::SessionValue;

    type Change<T> = Box<dyn Fn(&mut Option<T>) + Send>;

    /// A lasting value that is absent or there.
    pub struct Optional<T> {
        key: &'static str,
        get: fn(&Handle, &'static str) -> Option<T>,
        set: fn(&Handle, &'static str, &T),
        update: fn(&Handle, &'static str, Change<T>),
    }

    pub const fn optional<T: SessionValue>(key: &'static str) -> Optional<T> {
        Optional {
            key,
            get: |handle, key| handle.lasting(key),
            set: |handle, key, value| handle.set(key, value),
            update: |handle, key, change| handle.update(key, change),
        }
    }

    impl<T> Optional<T> {
        pub fn get(&self, handle: &Handle) -> Option<T> {
            (self.get)(handle, self.key)
        }

        pub fn set(&self, handle: &Handle, value: &T) {
            (self.set)(handle, self.key, value);
        }

        pub fn update(&self, handle: &Handle, change: impl Fn(&mut Option<T>) + Send + 'static) {
            (self.update)(handle, self.key, Box::new(change));
        }

        pub fn unset(&self, handle: &Handle) {
            handle.unset_lasting(self.key);
        }

        pub fn has(&self, handle: &Handle) -> bool {
            handle.has_lasting(self.key)
        }
    }

    /// A lasting value that reads as something else when it is absent.
    pub struct Defaulted<T> {
        value: Optional<T>,
        default: fn() -> T,
    }

    pub const fn defaulted<T: SessionValue>(key: &'static str, default: fn() -> T) -> Defaulted<T> {
        Defaulted {
            value: optional(key),
            default,
        }
    }

    impl<T: 'static> Defaulted<T> {
        pub fn get(&self, handle: &Handle) -> T {
            self.value.get(handle).unwrap_or_else(self.default)
        }

        pub fn set(&self, handle: &Handle, value: &T) {
            self.value.set(handle, value);
        }

        pub fn update(&self, handle: &Handle, change: impl Fn(&mut T) + Send + 'static) {
            let default = self.default;
            self.value.update(handle, move |value| {
                change(value.get_or_insert_with(default));
            });
        }

        pub fn unset(&self, handle: &Handle) {
            self.value.unset(handle);
        }

        pub fn has(&self, handle: &Handle) -> bool {
            self.value.has(handle)
        }
    }

    /// A flash value.
    pub struct Flash<T> {
        key: &'static str,
        set: fn(&Handle, &'static str, &T),
        take: fn(&Handle, &'static str) -> Option<T>,
        peek: fn(&Handle, &'static str) -> Option<T>,
    }

    pub const fn flash<T: SessionValue>(key: &'static str) -> Flash<T> {
        Flash {
            set: |handle, key, value| handle.flash(key, FlashLifetime::UntilRead, value),
            ..flash_next_request(key)
        }
    }

    pub const fn flash_next_request<T: SessionValue>(key: &'static str) -> Flash<T> {
        Flash {
            key,
            set: |handle, key, value| handle.flash(key, FlashLifetime::NextRequest, value),
            take: |handle, key| handle.take_flash(key),
            peek: |handle, key| handle.peek_flash(key),
        }
    }

    impl<T> Flash<T> {
        pub fn flash(&self, handle: &Handle, value: &T) {
            (self.set)(handle, self.key, value);
        }

        pub fn take(&self, handle: &Handle) -> Option<T> {
            (self.take)(handle, self.key)
        }

        pub fn peek(&self, handle: &Handle) -> Option<T> {
            (self.peek)(handle, self.key)
        }

        pub fn has(&self, handle: &Handle) -> bool {
            handle.has_flash(self.key)
        }

        pub fn keep(&self, handle: &Handle) {
            handle.keep(self.key);
        }
    }
}
