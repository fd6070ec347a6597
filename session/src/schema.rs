use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::handle::Handle;

mod composition;
mod privilege;
pub mod runtime;

use self::composition::Field;
use self::privilege::NotPrivileged;
pub(crate) use self::privilege::Privilege;
pub use self::privilege::Unprivileged;
pub(crate) use self::runtime::Place;

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

    /// Whether a field is `privileged`, here or in a flattened schema.
    #[doc(hidden)]
    type __Privilege: Privilege;

    /// The keys under which the schema's fields are stored, in the order of the fields.
    const KEYS: &'static [&'static str];

    /// The fields, those of flattened schemas too, for the comparison of two schemas.
    #[doc(hidden)]
    const __FIELDS: &'static [Field];

    #[doc(hidden)]
    fn __accessors(handle: Handle) -> Self::Accessors;

    #[doc(hidden)]
    fn __handle(accessors: &Self::Accessors) -> &Handle;

    /// What makes the extractor refuse a session: the first value that does not fit a `strict` schema.
    #[doc(hidden)]
    fn __check(_handle: &Handle) -> Result<(), Error> {
        Ok(())
    }
}

/// The schema of the dynamic core: no accessors, every key by name.
#[derive(Debug, Clone, Copy)]
pub enum Untyped {}

impl SessionSchema for Untyped {
    type Accessors = Handle;
    type __Privilege = NotPrivileged;
    const KEYS: &'static [&'static str] = &[];
    const __FIELDS: &'static [Field] = &[];

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
