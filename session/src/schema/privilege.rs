use crate::schema::SessionSchema;

/// A schema without a `#[session(privileged)]` field, of its own or in a schema that it flattens.
///
/// Implemented by `#[derive(SessionSchema)]`, and for [`Untyped`](crate::Untyped). A storage that cannot protect what gives
/// rights, such as `WorkersKvStorage`, takes these alone unless its author writes more.
///
/// # Example
///
/// ```
/// use session::{SessionSchema, Unprivileged};
///
/// #[derive(SessionSchema)]
/// struct Visitor {
///     theme: Option<String>,
/// }
///
/// fn can_be_stored_anywhere<S: Unprivileged>() {}
/// can_be_stored_anywhere::<Visitor>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has a `privileged` field, or flattens a schema that has one",
    label = "this schema gives rights, and the storage cannot keep what depends on them",
    note = "Workers KV is eventually consistent: elsewhere in the world an ended session, or one under its old id, may still open for a minute or more",
    note = "keep `{Self}` in another storage, or accept it: `WorkersKvStorage::accepting_eventual_consistency(kv)`"
)]
pub trait Unprivileged: SessionSchema {}

#[diagnostic::do_not_recommend]
impl<S: SessionSchema<__Privilege = NotPrivileged>> Unprivileged for S {}

/// Whether a schema has a `privileged` field, as a type, so that a bound can ask for it.
pub trait Privilege {
    /// The answer as a value.
    const IS_THERE: bool;
    /// The answer for a schema that flattens two others.
    type Or<Other: Privilege>: Privilege;
}

/// The answer of a schema that flattens two others.
pub type Either<A, B> = <A as Privilege>::Or<B>;

/// It has.
#[derive(Debug)]
pub enum Privileged {}

impl Privilege for Privileged {
    const IS_THERE: bool = true;
    type Or<Other: Privilege> = Self;
}

/// It has not.
#[derive(Debug)]
pub enum NotPrivileged {}

impl Privilege for NotPrivileged {
    const IS_THERE: bool = false;
    type Or<Other: Privilege> = Other;
}
