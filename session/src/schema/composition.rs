//! What is known of schemas before the program runs: which keys they use, and for which types.
//!
//! All of it is evaluated by the compiler: `flatten` and [`compatible!`](crate::compatible) turn a clash into an error.
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "public for the derive alone, which finds it under `__private`"
)]

/// A key of a schema: a field's own, or a former one.
#[derive(Clone, Copy)]
pub struct Field {
    schema: &'static str,
    key: &'static str,
    /// The type of the stored value as it is written, each path cut to its last name.
    ty: &'static str,
    /// What tells two types of one name apart, mostly: nothing more of a type can be compared by the compiler yet.
    size: usize,
    /// Flash and lasting values live apart.
    flash: bool,
    /// An alias.
    former: bool,
}

pub const fn field<T>(schema: &'static str, key: &'static str, ty: &'static str) -> Field {
    Field {
        schema,
        key,
        ty,
        size: size_of::<T>(),
        flash: false,
        former: false,
    }
}

impl Field {
    pub const fn flash(self) -> Self {
        let flash = true;
        Self { flash, ..self }
    }

    pub const fn former(self) -> Self {
        let former = true;
        Self { former, ..self }
    }
}

/// The fields of one schema within another.
#[derive(Clone, Copy)]
pub struct Part {
    prefix: &'static str,
    fields: &'static [Field],
}

pub const fn part(prefix: &'static str, fields: &'static [Field]) -> Part {
    Part { prefix, fields }
}

/// How many fields the parts have together.
pub const fn count(mut parts: &[Part]) -> usize {
    let mut count = 0;
    while let [part, rest @ ..] = parts {
        count += part.fields.len();
        parts = rest;
    }
    count
}

/// How many bytes the keys of the parts take, prefixes included.
pub const fn size(mut parts: &[Part]) -> usize {
    let mut size = 0;
    while let [part, rest @ ..] = parts {
        let mut fields = part.fields;
        while let [field, others @ ..] = fields {
            size += part.prefix.len() + field.key.len();
            fields = others;
        }
        parts = rest;
    }
    size
}

/// The keys of the parts, prefixes included, without gaps.
pub const fn text<const SIZE: usize>(mut parts: &[Part]) -> [u8; SIZE] {
    let mut text = Text::new();
    while let [part, rest @ ..] = parts {
        let mut fields = part.fields;
        while let [field, others @ ..] = fields {
            text = text.and(part.prefix).and(field.key);
            fields = others;
        }
        parts = rest;
    }
    text.bytes
}

/// The fields of the parts, with their keys in `text`.
pub const fn fields<const COUNT: usize>(
    mut parts: &[Part],
    mut text: &'static [u8],
) -> [Field; COUNT] {
    let mut all = [field::<()>("", "", ""); COUNT];
    let mut index = 0;
    while let [part, rest @ ..] = parts {
        let mut fields = part.fields;
        while let [field, others @ ..] = fields {
            let (key, behind) = text.split_at(part.prefix.len() + field.key.len());
            let Ok(key) = str::from_utf8(key) else {
                panic!("Invariant: a key is a string after a string");
            };
            // Invariant: `COUNT` is what `count` says of these parts.
            all[index] = Field { key, ..*field };
            index += 1;
            text = behind;
            fields = others;
        }
        parts = rest;
    }
    all
}

/// How many of the fields are not former ones.
pub const fn count_keys(mut fields: &[Field]) -> usize {
    let mut count = 0;
    while let [field, rest @ ..] = fields {
        count += if field.former { 0 } else { 1 };
        fields = rest;
    }
    count
}

/// The keys of the fields, without former ones.
pub const fn keys<const COUNT: usize>(mut fields: &[Field]) -> [&'static str; COUNT] {
    let mut keys = [""; COUNT];
    let mut index = 0;
    while let [field, rest @ ..] = fields {
        if !field.former {
            // Invariant: `COUNT` is what `count_keys` says of these fields.
            keys[index] = field.key;
            index += 1;
        }
        fields = rest;
    }
    keys
}

/// Says which key two fields share, if any two do.
pub const fn duplicate(mut fields: &[Field]) -> Option<Message> {
    while let [field, rest @ ..] = fields {
        let mut others = rest;
        while let [other, behind @ ..] = others {
            if same(field.key, other.key) {
                let message = Message::new()
                    .and("the key \"")
                    .and(field.key)
                    .and("\" is stored by `")
                    .and(field.schema)
                    .and("` and by `")
                    .and(other.schema)
                    .and(
                        "`; set the flattened fields apart: `#[session(flatten, prefix = \"…\")]`",
                    );
                return Some(message);
            }
            others = behind;
        }
        fields = rest;
    }
    None
}

/// Says under which key two schemas store different types, if they do.
pub const fn conflict(mut fields: &[Field], all_others: &[Field]) -> Option<Message> {
    while let [field, rest @ ..] = fields {
        let mut others = all_others;
        while let [other, behind @ ..] = others {
            if field.flash == other.flash && same(field.key, other.key) {
                let same_name = same(field.ty, other.ty);
                if !same_name || field.size != other.size {
                    return Some(Message::of(field, other, same_name));
                }
            }
            others = behind;
        }
        fields = rest;
    }
    None
}

const fn same(a: &str, b: &str) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let ([first, rest @ ..], [other, behind @ ..]) = (a, b) {
        if *first != *other {
            return false;
        }
        (a, b) = (rest, behind);
    }
    true
}

/// What the compiler says.
type Message = Text<1024>;

impl Message {
    const fn of(field: &Field, other: &Field, same_name: bool) -> Self {
        let message = Message::new()
            .and("under the key \"")
            .and(field.key)
            .and("\" `")
            .and(field.schema)
            .and("` stores a `")
            .and(field.ty)
            .and("` and `")
            .and(other.schema);
        let message = if same_name {
            message.and("` another type of that name")
        } else {
            message.and("` a `").and(other.ty).and("`")
        };
        message.and("; give one of them another key: `#[session(rename = \"…\")]`")
    }

    pub const fn as_str(&self) -> &str {
        let Ok(text) = str::from_utf8(self.bytes.as_slice().split_at(self.len).0) else {
            panic!("Invariant: what is put together of strings is one");
        };
        text
    }
}

/// A text that is put together by the compiler. What has no room is left out.
#[derive(Clone, Copy)]
pub struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    const fn new() -> Self {
        let bytes = [0; SIZE];
        Self { bytes, len: 0 }
    }

    const fn and(mut self, text: &str) -> Self {
        if text.len() > SIZE - self.len {
            return self;
        }
        let mut rest = text.as_bytes();
        while let [byte, behind @ ..] = rest {
            // Invariant: the room for all of them was checked above.
            self.bytes[self.len] = *byte;
            self.len += 1;
            rest = behind;
        }
        self
    }
}

/// Checks, when the program is compiled, that schemas can share a session: no two of them store different types under one
/// key.
///
/// Types are compared by name, without the modules before it, and by size. So a `type` alias is another type than what it
/// stands for, and two types of one name and one size are taken for one. What a schema reads by `alias` counts, too, and a
/// value stored by another `with` is another type. A flash value and a lasting one do not meet.
///
/// Where one schema is flattened into another this is checked without being asked.
///
/// # Example
///
/// ```
/// use session::SessionSchema;
///
/// #[derive(SessionSchema)]
/// struct Visitor {
///     user_id: Option<u64>,
/// }
///
/// #[derive(SessionSchema)]
/// struct Account {
///     #[session(default)]
///     user_id: u64,
///     plan: Option<String>,
/// }
///
/// session::compatible!(Visitor, Account);
/// # assert_eq!(Account::KEYS, ["user_id", "plan"]);
/// ```
///
/// ```compile_fail
/// # use session::SessionSchema;
/// # #[derive(SessionSchema)]
/// # struct Visitor {
/// #     user_id: Option<u64>,
/// # }
/// #[derive(SessionSchema)]
/// struct Guest {
///     user_id: Option<String>,
/// }
///
/// session::compatible!(Visitor, Guest); // under the key "user_id" `Visitor` stores a `u64` and `Guest` a `String`
/// ```
#[macro_export]
macro_rules! compatible {
    ($one:ty $(,)?) => {};
    ($one:ty, $($other:ty),+ $(,)?) => {
        $(
            const _: () = if let ::core::option::Option::Some(message) = $crate::__private::conflict(
                <$one as $crate::SessionSchema>::__FIELDS,
                <$other as $crate::SessionSchema>::__FIELDS,
            ) {
                ::core::panic!("{}", message.as_str())
            };
        )+
        $crate::compatible!($($other),+);
    };
}
