use std::borrow::Cow;
use std::fmt;

use http::HeaderValue;

use crate::base64url::{self, TEXT_OF_32};
use crate::error::Error;
use crate::id::SessionId;
use crate::keys::{KeyRing, Message, Opened};

/// The most that browsers keep of a cookie: name and value together, in bytes (RFC 6265bis §5.6).
pub(crate) const MAX_COOKIE_BYTES: usize = 4096;
/// The longest name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 256;
/// The most cookies of one name that a request is searched for: more are noise, or an attempt to make us work.
pub(crate) const MAX_CANDIDATES: usize = 16;

/// The cookie that carries a session: its name, its attributes and the keys that make it authentic.
///
/// With a server-side storage its value is `id.signature`: 43 characters of base64url, a dot, and 43 of HMAC-SHA256 over
/// the cookie's name and the id. With [`CookieStorage`](crate::CookieStorage) it is the sealed session itself.
///
/// # Default
///
/// `HttpOnly; Secure; SameSite=Lax; Path=/`, no `Domain`: what OWASP ASVS 5.0, 3.3.1 to 3.3.4 ask for. A name that begins with
/// `__Host-` makes browsers insist on it (RFC 6265bis §4.1.3.2). Max-Age follows from [`Expiry`](crate::Expiry).
///
/// # Example
///
/// ```
/// use session::{KeyRing, SameSite, SessionCookie};
///
/// let keys = KeyRing::generate()?;
/// let cookie = SessionCookie::new("__Host-session", keys).same_site(SameSite::Strict)?;
/// assert_eq!(cookie.name(), "__Host-session");
/// assert!(cookie.domain("example.com").is_err(), "`__Host-` forbids a domain");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SessionCookie {
    name: Cow<'static, str>,
    keys: KeyRing,
    domain: Option<String>,
    path: Cow<'static, str>,
    same_site: SameSite,
    secure: bool,
    partitioned: bool,
    /// What a Set-Cookie field has between the value and the seconds of `Max-Age`, as the other fields say: written once,
    /// not for each response.
    attributes: String,
}

impl SessionCookie {
    /// A cookie of that name with the default attributes.
    ///
    /// # Panics
    ///
    /// When the name is not one that a cookie can have. [`try_new`](Self::try_new) gives an error instead: take it where the name is
    /// read from a configuration.
    pub fn new(name: impl Into<Cow<'static, str>>, keys: KeyRing) -> Self {
        match Self::try_new(name, keys) {
            Ok(cookie) => cookie,
            Err(error) => panic!("{error}"),
        }
    }

    /// A cookie of that name with the default attributes.
    ///
    /// # Errors
    ///
    /// [`CookieError::Name`] when the name is empty, longer than 256 bytes or not a token of RFC 9110 §5.6.2.
    pub fn try_new(name: impl Into<Cow<'static, str>>, keys: KeyRing) -> Result<Self, CookieError> {
        let name = name.into();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_token) {
            return Err(CookieError::Name);
        }
        let cookie = Self {
            name,
            keys,
            domain: None,
            path: Cow::Borrowed("/"),
            same_site: SameSite::Lax,
            secure: true,
            partitioned: false,
            attributes: String::new(),
        };
        Ok(cookie.written_out())
    }

    /// Sends the cookie to a domain and all its subdomains. Without it, only to the host that set it.
    ///
    /// # Errors
    ///
    /// [`CookieError::Domain`] when the text is not a domain name, and [`CookieError::HostPrefix`] under a `__Host-` name.
    pub fn domain(mut self, domain: impl Into<String>) -> Result<Self, CookieError> {
        let mut domain = domain.into();
        // A leading dot is of an older standard and says nothing (RFC 6265bis §5.6.3).
        if domain.starts_with('.') {
            domain.remove(0);
        }
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if domain.is_empty() || !domain.bytes().all(is_name_byte) {
            return Err(CookieError::Domain);
        }
        self.domain = Some(domain);
        self.checked()
    }

    /// Sends the cookie to that path and below it alone.
    ///
    /// # Errors
    ///
    /// [`CookieError::Path`] when the path does not begin with `/` or holds `;` or control characters, and
    /// [`CookieError::HostPrefix`] for anything but `/` under a `__Host-` name.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, CookieError> {
        let path = path.into();
        let is_path_byte = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
        if !path.starts_with('/') || !path.bytes().all(is_path_byte) {
            return Err(CookieError::Path);
        }
        self.path = path;
        self.checked()
    }

    /// Says which requests of other sites carry the cookie.
    ///
    /// # Errors
    ///
    /// [`CookieError::NeedsSecure`] for [`SameSite::None`] after [`insecure_http`](Self::insecure_http).
    pub fn same_site(mut self, same_site: SameSite) -> Result<Self, CookieError> {
        self.same_site = same_site;
        self.checked()
    }

    /// Keeps a cookie apart for each site that embeds this one (CHIPS).
    ///
    /// # Errors
    ///
    /// [`CookieError::NeedsSecure`] after [`insecure_http`](Self::insecure_http).
    pub fn partitioned(mut self) -> Result<Self, CookieError> {
        self.partitioned = true;
        self.checked()
    }

    /// Lets the cookie travel over plain HTTP, where everyone on the way can read it. For development.
    ///
    /// Chromium and Firefox keep `Secure` cookies for `localhost` without it; Safari does not.
    ///
    /// # Errors
    ///
    /// [`CookieError::NeedsSecure`] with `SameSite=None`, `Partitioned`, or a name that begins with `__Host-` or `__Secure-`:
    /// browsers would drop the cookie.
    pub fn insecure_http(mut self) -> Result<Self, CookieError> {
        self.secure = false;
        self.checked()
    }

    /// The cookie's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Refuses what browsers refuse (RFC 6265bis §5.7). Prefixes count in any case of letters, as they do there.
    fn checked(self) -> Result<Self, CookieError> {
        let has_prefix = |prefix: &str| {
            self.name
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let is_host = has_prefix("__Host-");
        let needs_secure = is_host
            || has_prefix("__Secure-")
            || self.partitioned
            || self.same_site == SameSite::None;
        if needs_secure && !self.secure {
            return Err(CookieError::NeedsSecure);
        }
        if is_host && (self.domain.is_some() || self.path != "/") {
            return Err(CookieError::HostPrefix);
        }
        Ok(self.written_out())
    }

    /// Writes the attributes out (RFC 6265bis §4.1.1). Each was checked to hold no `;` and no control character.
    fn written_out(mut self) -> Self {
        let secure = if self.secure { "; Secure" } else { "" };
        let partitioned = if self.partitioned {
            "; Partitioned"
        } else {
            ""
        };
        let same_site = self.same_site.name();
        let (path, domain) = (&self.path, self.domain.as_deref());
        let domain = domain.map_or_else(String::new, |domain| format!("; Domain={domain}"));
        self.attributes = format!(
            "; HttpOnly; SameSite={same_site}{secure}{partitioned}; Path={path}{domain}; Max-Age="
        );
        self
    }

    /// The value for a session that a server-side storage keeps.
    pub(crate) fn sign(&self, id: &SessionId) -> String {
        let mut value = String::with_capacity(2 * TEXT_OF_32 + 1);
        id.push_text(&mut value);
        let signature = self.keys.sign(Message {
            cookie_name: &self.name,
            id: id.as_bytes(),
        });
        value.push('.');
        base64url::push_32(&mut value, &signature);
        value
    }

    /// The id in a value that one of our keys signed under this name. Every failure looks the same.
    pub(crate) fn verify(&self, value: &[u8]) -> Option<(SessionId, Opened)> {
        let (id, signature) = value.split_at_checked(TEXT_OF_32)?;
        let [id, signature] = base64url::decode_two(id, signature.strip_prefix(b".")?)?;
        let message = Message {
            cookie_name: &self.name,
            id: &id,
        };
        let opened = self.keys.verify(message, &signature)?;
        Some((SessionId::from_bytes(id), opened))
    }

    #[cfg(feature = "cookie")]
    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The values that a request's Cookie fields hold under this name, in order.
    ///
    /// RFC 6265bis §5.8 sends pairs as `name=value` with `; ` between. Names are compared byte for byte, and nothing is decoded.
    pub(crate) fn values<'a>(&'a self, field: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut rest = Some(field);
        let pairs = std::iter::from_fn(move || {
            let field = rest?;
            let pair = memchr::memchr(b';', field).and_then(|end| field.split_at_checked(end));
            rest = pair.and_then(|(_, rest)| rest.get(1..));
            Some(pair.map_or(field, |(pair, _)| pair))
        });
        pairs
            .filter_map(|pair| {
                let value = pair
                    .trim_ascii_start()
                    .strip_prefix(self.name.as_bytes())?
                    .strip_prefix(b"=")?;
                let value = value.trim_ascii_end();
                let may_be_ours = !value.is_empty() && value.len() <= MAX_COOKIE_BYTES;
                may_be_ours.then_some(value)
            })
            .take(MAX_CANDIDATES)
    }

    /// The Set-Cookie field that gives the browser this value for so many seconds.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when name and value pass the 4096 bytes that browsers keep.
    pub(crate) fn set(&self, value: &str, max_age: u64) -> Result<HeaderValue, Error> {
        let bytes = self.name.len() + value.len();
        if bytes > MAX_COOKIE_BYTES {
            return Err(Error::TooLarge {
                bytes,
                limit: MAX_COOKIE_BYTES,
                largest: Vec::new(),
            });
        }
        Ok(self.field(value, max_age))
    }

    /// The Set-Cookie field that makes the browser forget the cookie. It repeats every attribute that set it: browsers
    /// remove a cookie only under the same name, domain and path, and Chromium a partitioned one only with `Partitioned`.
    pub(crate) fn removal(&self) -> HeaderValue {
        self.field("", 0)
    }

    fn field(&self, value: &str, max_age: u64) -> HeaderValue {
        let mut digits = itoa::Buffer::new();
        let max_age = digits.format(max_age.min(MAX_AGE));
        // Exactly what it takes, so that the header keeps this allocation.
        let text = [&*self.name, "=", value, &self.attributes, max_age].concat();
        // Invariant: name, value and attributes were checked to be visible ASCII without `;`.
        let mut field =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        // Its `Debug` shows no value then.
        field.set_sensitive(true);
        field
    }
}

/// Browsers cap a cookie's age at 400 days (RFC 6265bis §5.5).
const MAX_AGE: u64 = 400 * 24 * 3600;

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("name", &self.name)
            .field("keys", &self.keys)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .field("same_site", &self.same_site)
            .field("secure", &self.secure)
            .field("partitioned", &self.partitioned)
            .finish_non_exhaustive()
    }
}

/// Which requests that another site causes carry the cookie (RFC 6265bis §8.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// None of them, not even a followed link: the visitor arrives logged out.
    Strict,
    /// Followed links, but no form posts, frames or scripts. The default.
    #[default]
    Lax,
    /// All of them. The application needs a defence of its own against cross-site request forgery.
    None,
}

impl SameSite {
    fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// Why a [`SessionCookie`] cannot be as it was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is empty, longer than 256 bytes, or has characters other than a token's.
    Name,
    /// The domain is empty or has characters other than letters, digits, `-` and `.`.
    Domain,
    /// The path does not begin with `/`, or holds `;` or control characters.
    Path,
    /// A `__Host-` name goes with `Path=/` and no domain.
    HostPrefix,
    /// `SameSite=None`, `Partitioned` and names that begin with `__Host-` or `__Secure-` go with `Secure`.
    NeedsSecure,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "a cookie's name is 1 to 256 letters, digits or any of !#$%&'*+-.^_`|~"
            }
            Self::Domain => "a cookie's domain is letters, digits, `-` and `.`",
            Self::Path => "a cookie's path begins with `/` and has no `;` and no control characters",
            Self::HostPrefix => {
                "a cookie named `__Host-…` has the path `/` and no domain; take another name, or leave both as they are"
            }
            Self::NeedsSecure => {
                "browsers drop this cookie over plain HTTP; `SameSite=None`, `Partitioned` and names with `__Host-` or `__Secure-` go with `Secure`"
            }
        })
    }
}

impl std::error::Error for CookieError {}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn cookie(name: &'static str) -> SessionCookie {
        SessionCookie::new(name, KeyRing::new(SECRET).unwrap())
    }

    fn values(field: &str) -> Vec<String> {
        cookie("id")
            .values(field.as_bytes())
            .map(|value| std::str::from_utf8(value).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_name_is_found_byte_for_byte_and_nothing_is_decoded() {
        assert_eq!(values("a=1; id=x.y; b=2"), ["x.y"]);
        assert_eq!(values("id=1; id=2;id=3"), ["1", "2", "3"]);
        assert_eq!(values("id=a=b%3D"), ["a=b%3D"]);
        assert_eq!(values(" \tid=1\t "), ["1"]);
        for none in [
            "", "ID=1", "xid=1", "id", "id=", "idx=1", "id =1", "a=id=1", ";;;", "=1",
        ] {
            assert!(values(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn what_cannot_be_ours_is_not_looked_at() {
        assert!(values(&format!("id={}", "x".repeat(MAX_COOKIE_BYTES + 1))).is_empty());
        assert_eq!(values(&"id=1;".repeat(100)).len(), MAX_CANDIDATES);
    }

    #[test]
    fn a_signed_id_verifies_under_its_name_alone() {
        let id = SessionId::generate().unwrap();
        let value = cookie("one").sign(&id);
        assert_eq!(value.len(), 2 * TEXT_OF_32 + 1);
        assert_eq!(
            cookie("one").verify(value.as_bytes()),
            Some((id, Opened::ByCurrentKey))
        );
        assert_eq!(cookie("two").verify(value.as_bytes()), None);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_signed_id_is_refused() {
        let cookie = cookie("session");
        let value = cookie.sign(&SessionId::generate().unwrap());
        for index in 0..value.len() {
            for bit in 0..8 {
                let mut changed = value.clone().into_bytes();
                changed[index] ^= 1 << bit;
                assert_eq!(cookie.verify(&changed), None, "byte {index}, bit {bit}");
            }
            assert_eq!(
                cookie.verify(&value.as_bytes()[..index]),
                None,
                "{index} bytes"
            );
        }
        assert_eq!(cookie.verify(format!("{value}A").as_bytes()), None);
    }

    #[test]
    fn a_removal_repeats_every_attribute_that_set_the_cookie() {
        let cookie = cookie("session")
            .domain("example.com")
            .and_then(|cookie| cookie.path("/app"))
            .and_then(|cookie| cookie.same_site(SameSite::None))
            .and_then(SessionCookie::partitioned)
            .unwrap();
        let attributes = |field: &HeaderValue| {
            let text = field.to_str().unwrap().to_owned();
            let mut parts: Vec<_> = text.split("; ").skip(1).map(str::to_owned).collect();
            parts.sort_unstable();
            parts
        };
        let expected = [
            "Domain=example.com",
            "HttpOnly",
            "Max-Age=60",
            "Partitioned",
            "Path=/app",
            "SameSite=None",
            "Secure",
        ];
        assert_eq!(attributes(&cookie.set("value", 60).unwrap()), expected);
        let removal = cookie.removal();
        assert!(removal.to_str().unwrap().starts_with("session=; "));
        assert_eq!(
            attributes(&removal),
            expected.map(|part| part.replace("=60", "=0"))
        );
    }

    #[test]
    fn what_browsers_refuse_is_refused_when_it_is_built() {
        use CookieError::{Domain, HostPrefix, Name, NeedsSecure, Path};

        let name = |name: &'static str| {
            SessionCookie::try_new(name, KeyRing::new(SECRET).unwrap()).map(drop)
        };
        assert_eq!(name(""), Err(Name));
        assert_eq!(name("a b"), Err(Name));
        assert_eq!(name("a;b"), Err(Name));
        assert_eq!(name("größe"), Err(Name));

        let error = |cookie: Result<SessionCookie, CookieError>| cookie.map(drop).unwrap_err();
        assert_eq!(error(cookie("__Host-a").domain("example.com")), HostPrefix);
        assert_eq!(error(cookie("__host-a").path("/app")), HostPrefix);
        assert_eq!(error(cookie("__Host-a").insecure_http()), NeedsSecure);
        assert_eq!(error(cookie("__Secure-a").insecure_http()), NeedsSecure);
        let insecure = || cookie("a").insecure_http().unwrap();
        assert_eq!(error(insecure().same_site(SameSite::None)), NeedsSecure);
        assert_eq!(error(insecure().partitioned()), NeedsSecure);
        assert_eq!(
            error(cookie("a").partitioned().unwrap().insecure_http()),
            NeedsSecure
        );
        assert_eq!(error(cookie("a").domain("")), Domain);
        assert_eq!(error(cookie("a").domain(".")), Domain);
        assert_eq!(error(cookie("a").domain("a; Secure")), Domain);
        assert_eq!(error(cookie("a").path("app")), Path);
        assert_eq!(error(cookie("a").path("/a;b")), Path);
        assert_eq!(error(cookie("a").path("/a\r\nb")), Path);
    }

    #[test]
    fn a_cookie_of_more_than_4096_bytes_is_an_error_before_it_is_sent() {
        let cookie = cookie("session");
        let fits = "x".repeat(MAX_COOKIE_BYTES - "session".len());
        assert!(cookie.set(&fits, 60).is_ok());
        let error = cookie.set(&format!("{fits}x"), 60).unwrap_err();
        assert!(matches!(
            error,
            Error::TooLarge {
                bytes: 4097,
                limit: 4096,
                ..
            }
        ));
    }

    #[test]
    fn a_cookies_age_is_at_most_400_days() {
        let field = cookie("session").set("value", u64::MAX).unwrap();
        assert!(field.to_str().unwrap().contains("Max-Age=34560000"));
    }
}
