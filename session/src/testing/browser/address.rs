//! Addresses as browsers read them: what is not visible ASCII is percent-encoded, and a reference leads on from a page.

use std::fmt::Write as _;

use http::Uri;

/// An address as a whole, of HTTP or HTTPS.
pub(super) fn parse(text: &[u8]) -> Option<Uri> {
    let uri = Uri::try_from(visible(text)).ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_web && uri.authority().is_some()).then_some(uri)
}

/// Where a reference leads from a page (RFC 3986 §5.2). A fragment stays with the browser.
pub(super) fn resolve(page: &Uri, reference: &[u8]) -> Option<Uri> {
    let reference = visible(reference);
    let (reference, _) = reference.split_once('#').unwrap_or((&reference, ""));
    if has_scheme(reference) {
        return parse(reference.as_bytes())
            .and_then(|uri| with_path(&uri, uri.path(), uri.query()));
    }
    if let Some(elsewhere) = reference.strip_prefix("//") {
        let whole = format!("{}://{elsewhere}", page.scheme_str()?);
        return resolve(page, whole.as_bytes());
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    match path {
        "" => with_path(page, page.path(), query.or(page.query())),
        _ if path.starts_with('/') => with_path(page, path, query),
        _ => {
            let folder = page
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            with_path(page, &format!("{folder}/{path}"), query)
        }
    }
}

/// Path and query of an address, as a request line has them.
pub(super) fn path_and_query(address: &Uri) -> Uri {
    let path_and_query = address.path_and_query().cloned();
    path_and_query.map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// The fields of a form, as `application/x-www-form-urlencoded` has them (URL Standard §5.2).
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        push_encoded(&mut text, name);
        text.push('=');
        push_encoded(&mut text, value);
    }
    text
}

fn push_encoded(text: &mut String, raw: &str) {
    for byte in raw.bytes() {
        match byte {
            b' ' => text.push('+'),
            b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => push_percent(text, byte),
        }
    }
}

fn visible(text: &[u8]) -> String {
    let mut visible = String::with_capacity(text.len());
    for &byte in text.trim_ascii() {
        match byte {
            b'"' | b'<' | b'>' | b'`' => push_percent(&mut visible, byte),
            b'!'..=b'~' => visible.push(char::from(byte)),
            _ => push_percent(&mut visible, byte),
        }
    }
    visible
}

fn push_percent(text: &mut String, byte: u8) {
    // Invariant: writing to a string cannot fail.
    let _ = write!(text, "%{byte:02X}");
}

fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        let is_scheme_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme_byte)
    })
}

/// Another page of the same site, its path without the segments `.` and `..` (RFC 3986 §5.2.4).
fn with_path(page: &Uri, path: &str, query: Option<&str>) -> Option<Uri> {
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let whole = format!(
        "{}://{}/{}{query}",
        page.scheme_str()?,
        page.authority()?,
        segments.join("/")
    );
    Uri::try_from(whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_page(reference: &str) -> String {
        let page = Uri::from_static("https://shop.example:8443/books/new/list?page=2");
        resolve(&page, reference.as_bytes()).map_or_else(String::new, |uri| uri.to_string())
    }

    #[test]
    fn a_reference_leads_on_from_the_page() {
        for (reference, address) in [
            ("/", "/"),
            ("/cart", "/cart"),
            ("/cart?item=1#top", "/cart?item=1"),
            ("/cart#top?item=1", "/cart"),
            ("#top", "/books/new/list?page=2"),
            ("", "/books/new/list?page=2"),
            ("?page=3", "/books/new/list?page=3"),
            ("dune", "/books/new/dune"),
            ("./dune", "/books/new/dune"),
            ("../dune", "/books/dune"),
            ("..", "/books/"),
            ("../../../../dune", "/dune"),
            ("/a/./b/../c/", "/a/c/"),
            ("a:b/../c", ""),
            ("./a:b", "/books/new/a:b"),
            ("/a//b", "/a//b"),
            (
                "/?next=http://elsewhere.example/../x",
                "/?next=http://elsewhere.example/../x",
            ),
            ("/über alles", "/%C3%BCber%20alles"),
        ] {
            let address = match address {
                "" => String::new(),
                path => format!("https://shop.example:8443{path}"),
            };
            assert_eq!(from_page(reference), address, "{reference:?}");
        }
    }

    #[test]
    fn a_reference_may_name_another_site() {
        assert_eq!(
            from_page("//other.example/a/../b"),
            "https://other.example/b"
        );
        assert_eq!(from_page("http://other.example"), "http://other.example/");
        assert_eq!(from_page("mailto:ada@shop.example"), "");
        assert_eq!(from_page("javascript:alert(1)"), "");
    }

    #[test]
    fn a_form_is_encoded_as_browsers_do() {
        let fields = [("title", "Dune & Träume"), ("~", "*-._ 100%+")];
        assert_eq!(
            form(&fields),
            "title=Dune+%26+Tr%C3%A4ume&%7E=*-._+100%25%2B"
        );
        assert_eq!(form(&[]), "");
    }
}
