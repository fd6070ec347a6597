use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use cookie::Cookie;
use http::{HeaderValue, Uri};

/// The most that browsers keep of a cookie, name and value together, in bytes.
const MAX_BYTES: usize = 4096;

/// The cookies of a browser, kept and sent by the rules of RFC 6265bis §5.7 and §5.8, oldest first.
#[derive(Clone, Default)]
pub(super) struct Jar(Vec<Kept>);

#[derive(Clone)]
struct Kept {
    name: String,
    value: String,
    domain: String,
    /// For that host alone, not for those below it.
    host_only: bool,
    path: String,
    secure: bool,
    /// None: until the browser is closed.
    expires_at: Option<SystemTime>,
}

impl Jar {
    /// Takes in a Set-Cookie field of a response from that address. An error says why browsers would not.
    pub(super) fn keep(&mut self, field: &[u8], from: &Uri, now: SystemTime) -> Result<(), String> {
        let text = std::str::from_utf8(field).map_err(|_| "a cookie that is not UTF-8")?;
        let cookie = Cookie::parse(text).map_err(|error| error.to_string())?;
        let refuse = |reason: &str| Err(format!("`{}`: {reason}", cookie.name()));
        let kept = match Kept::of(&cookie, from, now) {
            Ok(kept) => kept,
            Err(reason) => return refuse(reason),
        };
        if !is_trustworthy(from) {
            let covers = |known: &Kept| {
                known.secure
                    && known.is_alive(now)
                    && known.name == kept.name
                    && (is_below(&known.domain, &kept.domain)
                        || is_below(&kept.domain, &known.domain))
                    && is_path_below(&kept.path, &known.path)
            };
            if self.0.iter().any(covers) {
                return refuse("plain HTTP does not replace a `Secure` cookie");
            }
        }
        let place = self.0.iter_mut().find(|known| known.is_replaced_by(&kept));
        match place {
            Some(place) => *place = kept,
            None => self.0.push(kept),
        }
        self.0.retain(|kept| kept.is_alive(now));
        Ok(())
    }

    /// The Cookie field of a request to that address: longer paths first, and of equally long ones the older cookie.
    pub(super) fn field(&self, to: &Uri, now: SystemTime) -> Option<HeaderValue> {
        let mut sent: Vec<_> = self
            .of_host(to, now)
            .filter(|kept| is_path_below(to.path(), &kept.path))
            .collect();
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs = sent
            .iter()
            .map(|kept| format!("{}={}", kept.name, kept.value));
        let pairs = pairs.collect::<Vec<_>>().join("; ");
        let mut field = HeaderValue::try_from(pairs)
            .ok()
            .filter(|field| !field.is_empty())?;
        field.set_sensitive(true);
        Some(field)
    }

    /// Name and value of each cookie that goes to the host of that address, whatever the path.
    pub(super) fn at_host(
        &self,
        address: &Uri,
        now: SystemTime,
    ) -> impl Iterator<Item = (&str, &str)> {
        self.of_host(address, now)
            .map(|kept| (&*kept.name, &*kept.value))
    }

    fn of_host(&self, address: &Uri, now: SystemTime) -> impl Iterator<Item = &Kept> {
        let host = host(address);
        let is_trustworthy = is_trustworthy(address);
        self.0.iter().filter(move |kept| {
            let is_for_host = if kept.host_only {
                host == kept.domain
            } else {
                is_below(&host, &kept.domain)
            };
            is_for_host && kept.is_alive(now) && (is_trustworthy || !kept.secure)
        })
    }
}

impl fmt::Debug for Jar {
    /// Shows names alone: values open sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|kept| &kept.name))
            .finish()
    }
}

impl Kept {
    fn of(cookie: &Cookie<'_>, from: &Uri, now: SystemTime) -> Result<Self, &'static str> {
        let (name, value) = cookie.name_value();
        if name.len() + value.len() > MAX_BYTES {
            return Err("browsers keep 4096 bytes of name and value at most");
        }
        let secure = cookie.secure() == Some(true);
        if secure && !is_trustworthy(from) {
            return Err("a `Secure` cookie is not kept over plain HTTP");
        }
        if cookie.partitioned() == Some(true) && !secure {
            return Err("a `Partitioned` cookie goes with `Secure`");
        }
        if cookie.same_site() == Some(cookie::SameSite::None) && !secure {
            return Err("`SameSite=None` goes with `Secure`");
        }
        let host = host(from);
        let domain = cookie.domain().map(|domain| {
            let domain = domain.strip_prefix('.').unwrap_or(domain);
            domain.to_ascii_lowercase()
        });
        let (domain, host_only) = match domain.filter(|domain| !domain.is_empty()) {
            None => (host, true),
            // A public suffix: no site may set a cookie for all the others below it.
            Some(domain) if !domain.contains('.') && domain == host => (host, true),
            Some(domain) if !domain.contains('.') => {
                return Err("its domain is a public suffix");
            }
            Some(domain) if is_below(&host, &domain) => (domain, false),
            Some(_) => return Err("its domain is not one of the host that sets it"),
        };
        let path = match cookie.path() {
            Some(path) if path.starts_with('/') => path.to_owned(),
            _ => default_path(from.path()),
        };
        // Before the name is compared the browser has looked at all attributes, and letters count in either case.
        if has_prefix(name, "__Secure-") && !secure {
            return Err("a name that begins with `__Secure-` goes with `Secure`");
        }
        let is_of_host = secure && host_only && cookie.path() == Some("/");
        if has_prefix(name, "__Host-") && !is_of_host {
            return Err(
                "a name that begins with `__Host-` goes with `Secure`, `Path=/` and no domain",
            );
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain,
            host_only,
            path,
            secure,
            expires_at: expires_at(cookie, now),
        })
    }

    fn is_replaced_by(&self, other: &Self) -> bool {
        (&self.name, &self.domain, self.host_only, &self.path)
            == (&other.name, &other.domain, other.host_only, &other.path)
    }

    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// When a cookie is gone: by its Max-Age, or else by its Expires.
fn expires_at(cookie: &Cookie<'_>, now: SystemTime) -> Option<SystemTime> {
    /// Browsers keep a cookie for 400 days at most.
    const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);
    if let Some(max_age) = cookie.max_age() {
        // What is not above zero is past at once.
        let max_age = Duration::try_from(max_age).unwrap_or_default();
        return Some(now + max_age.min(LONGEST));
    }
    let expires = SystemTime::from(cookie.expires_datetime()?);
    Some(expires.min(now + LONGEST))
}

/// Whether `Secure` cookies go there: over HTTPS, and to this computer (Secure Contexts §3.1).
fn is_trustworthy(address: &Uri) -> bool {
    let host = host(address);
    address.scheme_str() == Some("https")
        || host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

fn host(address: &Uri) -> String {
    address.host().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a host is a domain or below it (RFC 6265bis §5.1.3). An IP address is below nothing.
fn is_below(host: &str, domain: &str) -> bool {
    let is_name = host.parse::<Ipv4Addr>().is_err() && !host.starts_with('[');
    host == domain
        || is_name
            && host
                .strip_suffix(domain)
                .is_some_and(|front| front.ends_with('.'))
}

/// Whether a path is another or below it (RFC 6265bis §5.1.4).
fn is_path_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || above.ends_with('/') || rest.starts_with('/'))
}

/// The folder of the page that sets a cookie without a path.
fn default_path(page: &str) -> String {
    match page.rsplit_once('/') {
        None | Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    let start = name.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests;
