//! What the code made by the derive consists of. Not part of the public interface.
//!
//! Each field is a constant, and each accessor is one call of a method of that constant. Only the function that makes the
//! constant needs `T: SessionValue`, so a type that cannot be stored is one error, and not one for each accessor.

#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "public for the derive alone, which finds it under `__private`"
)]

use crate::changes::FlashLifetime;
use crate::error::Error;
use crate::handle::{Target, View};
use crate::schema::SessionValue;
use crate::value::{Json, Step, decode_by, encode_by};

pub use crate::handle::Handle;
pub use crate::schema::composition::{
    Field, Part, conflict, count, count_keys, duplicate, field, fields, keys, part, size, text,
};
pub use crate::schema::privilege::{Either, NotPrivileged, Privilege, Privileged};
pub use crate::value::{Reader, Writer};

/// Where a field's value is stored, and on what terms.
#[derive(Clone, Copy)]
pub struct Place {
    pub(crate) key: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// In seconds.
    pub(crate) expires_in: Option<u64>,
    pub(crate) secret: bool,
    pub(crate) privileged: bool,
    lifetime: FlashLifetime,
}

pub const fn key(key: &'static str) -> Place {
    Place {
        key,
        aliases: &[],
        expires_in: None,
        secret: false,
        privileged: false,
        lifetime: FlashLifetime::UntilRead,
    }
}

impl Place {
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    pub const fn expires_in(self, seconds: u64) -> Self {
        let expires_in = Some(seconds);
        Self { expires_in, ..self }
    }

    pub const fn secret(self) -> Self {
        let secret = true;
        Self { secret, ..self }
    }

    pub const fn privileged(self) -> Self {
        let privileged = true;
        Self { privileged, ..self }
    }

    pub const fn for_next_request(self) -> Self {
        let lifetime = FlashLifetime::NextRequest;
        Self { lifetime, ..self }
    }

    fn target(&self, handle: &Handle) -> Target {
        Target::field(self, handle)
    }

    /// What stands under a former key, or else under the field's own.
    fn lasting(&self, handle: &Handle) -> Option<View> {
        let at = |key: &'static str| handle.lasting_at(&handle.key(key));
        let former = self.aliases.iter().find_map(|key| at(key));
        former.or_else(|| at(self.key))
    }

    fn flash(&self, handle: &Handle) -> Option<View> {
        let at = |key: &'static str| handle.flash_at(&handle.key(key));
        let former = self.aliases.iter().find_map(|key| at(key));
        former.or_else(|| at(self.key))
    }
}

/// How a value becomes JSON, and is read from it.
pub struct Codec<T> {
    write: fn(&T, Writer<'_, '_>) -> Result<(), serde_json::Error>,
    read: fn(Reader<'_, '_>) -> Result<T, serde_json::Error>,
}

/// By functions of the user's.
pub const fn with<T>(
    write: fn(&T, Writer<'_, '_>) -> Result<(), serde_json::Error>,
    read: fn(Reader<'_, '_>) -> Result<T, serde_json::Error>,
) -> Codec<T> {
    Codec { write, read }
}

/// By the type's own implementations.
const fn by_serde<T: SessionValue>() -> Codec<T> {
    Codec {
        write: |value, writer| value.serialize(writer),
        read: |reader| T::deserialize(reader),
    }
}

impl<T> Codec<T> {
    fn encode(self, key: &str, value: &T) -> Result<Json, Error> {
        encode_by(key, value, self.write)
    }

    fn decode(self, key: &str, json: &[u8]) -> Result<T, Error> {
        decode_by(key, json, self.read)
    }

    /// The value, or nothing, which is reported, when it does not fit.
    fn decode_or_report(self, handle: &Handle, key: &'static str, json: &[u8]) -> Option<T> {
        let value = self.decode(&handle.key(key), json);
        value.map_err(|error| handle.report(&error)).ok()
    }
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

/// A lasting value that is absent or there.
pub struct Optional<T> {
    place: Place,
    codec: Codec<T>,
}

pub const fn optional<T: SessionValue>(place: Place) -> Optional<T> {
    optional_with(place, by_serde())
}

pub const fn optional_with<T>(place: Place, codec: Codec<T>) -> Optional<T> {
    Optional { place, codec }
}

impl<T: 'static> Optional<T> {
    pub fn get(&self, handle: &Handle) -> Option<T> {
        let json = self.place.lasting(handle)?;
        self.codec.decode_or_report(handle, self.place.key, &json)
    }

    pub fn set(&self, handle: &Handle, value: &T) {
        let json = self.codec.encode(&handle.key(self.place.key), value);
        handle.set(self.place.target(handle), json);
    }

    pub fn update(&self, handle: &Handle, change: impl Fn(&mut Option<T>) + Send + 'static) {
        let (codec, key) = (self.codec, handle.key(self.place.key));
        let step = Step::new(move |stored| {
            let mut value = stored.and_then(|json| codec.decode(&key, json).ok());
            change(&mut value);
            value.map(|value| codec.encode(&key, &value)).transpose()
        });
        handle.update(self.place.target(handle), step);
    }

    pub fn unset(&self, handle: &Handle) {
        handle.unset_lasting(self.place.target(handle));
    }

    pub fn has(&self, handle: &Handle) -> bool {
        self.place.lasting(handle).is_some()
    }

    pub fn check(&self, handle: &Handle) -> Result<(), Error> {
        let Some(json) = self.place.lasting(handle) else {
            return Ok(());
        };
        let key = handle.key(self.place.key);
        self.codec.decode(&key, &json).map(drop)
    }
}

/// A lasting value that reads as something else when it is absent.
pub struct Defaulted<T> {
    value: Optional<T>,
    default: fn() -> T,
}

pub const fn defaulted<T: SessionValue>(place: Place, default: fn() -> T) -> Defaulted<T> {
    defaulted_with(place, by_serde(), default)
}

pub const fn defaulted_with<T>(place: Place, codec: Codec<T>, default: fn() -> T) -> Defaulted<T> {
    let value = optional_with(place, codec);
    Defaulted { value, default }
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

    pub fn check(&self, handle: &Handle) -> Result<(), Error> {
        self.value.check(handle)
    }
}

/// A flash value.
pub struct Flash<T> {
    place: Place,
    codec: Codec<T>,
}

pub const fn flash<T: SessionValue>(place: Place) -> Flash<T> {
    flash_with(place, by_serde())
}

pub const fn flash_with<T>(place: Place, codec: Codec<T>) -> Flash<T> {
    Flash { place, codec }
}

impl<T> Flash<T> {
    pub fn flash(&self, handle: &Handle, value: &T) {
        let json = self.codec.encode(&handle.key(self.place.key), value);
        handle.flash(self.place.target(handle), self.place.lifetime, json);
    }

    /// Consumes the value, unless it does not fit: then it stays for whoever can read it.
    pub fn take(&self, handle: &Handle) -> Option<T> {
        let value = self.peek(handle)?;
        let is_taken = handle.take_flash(&self.place.target(handle));
        is_taken.then_some(value)
    }

    pub fn peek(&self, handle: &Handle) -> Option<T> {
        let json = self.place.flash(handle)?;
        self.codec.decode_or_report(handle, self.place.key, &json)
    }

    pub fn has(&self, handle: &Handle) -> bool {
        self.place.flash(handle).is_some()
    }

    pub fn keep(&self, handle: &Handle) {
        handle.keep(&self.place.target(handle));
    }

    pub fn check(&self, handle: &Handle) -> Result<(), Error> {
        let Some(json) = self.place.flash(handle) else {
            return Ok(());
        };
        let key = handle.key(self.place.key);
        self.codec.decode(&key, &json).map(drop)
    }
}
