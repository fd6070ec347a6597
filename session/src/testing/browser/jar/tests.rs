use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// What a jar sends to `to` after it was given cookies, each from an address.
fn sent(given: &[(&'static str, &str)], to: &'static str) -> String {
    let mut jar = Jar::default();
    for (from, cookie) in given {
        let kept = jar.keep(cookie.as_bytes(), &Uri::from_static(from), now());
        assert_eq!(kept, Ok(()), "{cookie}");
    }
    text(jar.field(&Uri::from_static(to), now()))
}

fn text(field: Option<HeaderValue>) -> String {
    let text = field.map(|field| String::from_utf8(field.as_bytes().to_vec()).unwrap());
    text.unwrap_or_default()
}

fn refusal(from: &'static str, cookie: &str) -> String {
    let mut jar = Jar::default();
    let from = Uri::from_static(from);
    let refusal = jar.keep(cookie.as_bytes(), &from, now()).unwrap_err();
    assert_eq!(jar.field(&from, now()), None, "{cookie}");
    refusal
}

#[test]
fn a_cookie_without_a_domain_is_for_its_host_alone() {
    let given = [("https://shop.example/", "a=1")];
    assert_eq!(sent(&given, "https://SHOP.example/"), "a=1");
    assert_eq!(sent(&given, "https://www.shop.example/"), "");
    assert_eq!(sent(&given, "https://example/"), "");
}

#[test]
fn a_cookie_with_a_domain_is_for_all_hosts_below_it() {
    let given = [("https://www.shop.example/", "a=1; Domain=.Shop.example")];
    assert_eq!(sent(&given, "https://shop.example/"), "a=1");
    assert_eq!(sent(&given, "https://a.b.shop.example/"), "a=1");
    assert_eq!(sent(&given, "https://workshop.example/"), "");
}

#[test]
fn a_domain_that_is_not_above_the_host_is_refused() {
    for (from, domain) in [
        ("https://shop.example/", "other.example"),
        ("https://shop.example/", "www.shop.example"),
        ("https://workshop.example/", "shop.example"),
        ("https://shop.example/", "example"),
        ("https://127.0.0.1/", "0.0.1"),
    ] {
        let refusal = refusal(from, &format!("a=1; Domain={domain}"));
        assert!(refusal.starts_with("`a`: its domain is "), "{refusal}");
    }
    let given = [("https://localhost/", "a=1; Domain=localhost")];
    assert_eq!(sent(&given, "https://localhost/"), "a=1");
    assert_eq!(sent(&given, "https://www.localhost/"), "");
}

#[test]
fn a_path_is_for_itself_and_what_is_below_it() {
    for (path, to, is_sent) in [
        ("/shop", "https://a.example/shop", true),
        ("/shop", "https://a.example/shop/", true),
        ("/shop", "https://a.example/shop/cart?a", true),
        ("/shop", "https://a.example/shopping", false),
        ("/shop", "https://a.example/", false),
        ("/shop/", "https://a.example/shop/cart", true),
        ("/shop/", "https://a.example/shop", false),
        ("/", "https://a.example/anything", true),
    ] {
        let cookie = format!("a=1; Path={path}");
        let sent = sent(&[("https://a.example/else/where", &cookie)], to);
        assert_eq!(!sent.is_empty(), is_sent, "{path} {to}");
    }
}

#[test]
fn without_a_path_a_cookie_is_for_the_folder_of_the_page() {
    for path in ["", "; Path=", "; Path=shop"] {
        let cookie = format!("a=1{path}");
        let given = [("https://a.example/shop/cart?b=/c", &*cookie)];
        assert_eq!(sent(&given, "https://a.example/shop"), "a=1");
        assert_eq!(sent(&given, "https://a.example/shop/list"), "a=1");
        assert_eq!(sent(&given, "https://a.example/"), "");
    }
    let given = [("https://a.example/cart", "a=1")];
    assert_eq!(sent(&given, "https://a.example/list"), "a=1");
}

#[test]
fn longer_paths_come_first_and_then_older_cookies() {
    let from = "https://a.example/";
    let given = [
        (from, "a=1; Path=/"),
        (from, "b=2; Path=/shop"),
        (from, "c=3; Path=/"),
        (from, "d=4; Path=/shop"),
        (from, "a=5; Path=/"),
    ];
    assert_eq!(sent(&given, "https://a.example/shop"), "b=2; d=4; a=5; c=3");
}

#[test]
fn cookies_of_one_name_are_apart_by_domain_and_path() {
    let given = [
        ("https://www.a.example/", "a=1; Path=/"),
        ("https://www.a.example/", "a=2; Path=/; Domain=a.example"),
        ("https://www.a.example/", "a=3; Path=/shop"),
    ];
    assert_eq!(sent(&given, "https://www.a.example/shop"), "a=3; a=1; a=2");
    assert_eq!(sent(&given, "https://a.example/shop"), "a=2");
}

#[test]
fn max_age_counts_before_expires_and_a_cookie_at_its_limit_is_gone() {
    let past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    let future = "Expires=Wed, 21 Oct 2026 07:28:00 GMT";
    for (attributes, lives, ends) in [
        ("Max-Age=3600".to_owned(), 3599, 3600),
        (format!("Max-Age=3600; {past}"), 3599, 3600),
        (format!("{past}; Max-Age=3600"), 3599, 3600),
        ("Max-Age=3600; Max-Age=60".to_owned(), 59, 60),
        (future.to_owned(), 2_567_679, 2_567_680),
        (format!("Max-Age=soon; {future}"), 2_567_679, 2_567_680),
        (
            "Max-Age=99999999999999999999".to_owned(),
            34_559_999,
            34_560_000,
        ),
    ] {
        let mut jar = Jar::default();
        let address = Uri::from_static("https://a.example/");
        let cookie = format!("a=1; {attributes}");
        jar.keep(cookie.as_bytes(), &address, now()).unwrap();
        let after = |seconds| text(jar.field(&address, now() + Duration::from_secs(seconds)));
        assert_eq!((&*after(lives), &*after(ends)), ("a=1", ""), "{attributes}");
    }
}

#[test]
fn a_cookie_that_has_expired_removes_the_one_it_names() {
    for removal in [
        "a=; Max-Age=0",
        "a=; Max-Age=-1",
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ] {
        let from = "https://a.example/";
        assert_eq!(
            sent(&[(from, "a=1"), (from, "b=2"), (from, removal)], from),
            "b=2"
        );
        let of_another_path = format!("{removal}; Path=/shop");
        assert_eq!(
            sent(&[(from, "a=1"), (from, &of_another_path)], from),
            "a=1"
        );
    }
}

#[test]
fn a_cookie_that_was_removed_is_a_new_one_when_it_is_set_again() {
    let from = "https://a.example/";
    let given = [
        (from, "a=1"),
        (from, "b=2"),
        (from, "a=; Max-Age=0"),
        (from, "a=3"),
    ];
    assert_eq!(sent(&given, from), "b=2; a=3");
}

#[test]
fn a_secure_cookie_travels_over_https_and_within_this_computer() {
    let given = [("https://a.example/", "a=1; Secure")];
    assert_eq!(sent(&given, "https://a.example/"), "a=1");
    assert_eq!(sent(&given, "http://a.example/"), "");
    for from in [
        "http://localhost:3000/",
        "http://app.localhost/",
        "http://127.0.0.1/",
        "http://[::1]:80/",
    ] {
        assert_eq!(sent(&[(from, "a=1; Secure")], from), "a=1");
    }
    assert!(refusal("http://a.example/", "a=1; Secure").contains("plain HTTP"));
}

#[test]
fn plain_http_does_not_replace_a_secure_cookie() {
    let mut jar = Jar::default();
    let (https, http) = ("https://a.example/shop", "http://a.example/shop");
    let mut keep = |from, cookie: &str| jar.keep(cookie.as_bytes(), &Uri::from_static(from), now());
    keep(https, "a=1; Secure; Path=/shop").unwrap();
    assert!(keep(http, "a=2; Path=/shop").is_err());
    assert!(keep(http, "a=; Max-Age=0; Path=/shop/cart").is_err());
    assert!(keep("http://www.a.example/", "a=2; Domain=a.example; Path=/shop").is_err());
    assert!(keep("http://www.a.example/", "a=2; Path=/shop").is_err());
    assert_eq!(keep(http, "a=2; Path=/"), Ok(()), "it covers nothing below");
    assert_eq!(keep(http, "b=2; Path=/shop"), Ok(()));
}

#[test]
fn prefixes_of_a_name_are_insisted_on() {
    for (from, cookie) in [
        ("https://a.example/", "__Secure-a=1"),
        ("https://a.example/", "__Host-a=1; Path=/"),
        ("https://a.example/", "__Host-a=1; Secure"),
        ("https://a.example/", "__Host-a=1; Secure; Path=/shop"),
        (
            "https://a.example/",
            "__Host-a=1; Secure; Path=/; Domain=a.example",
        ),
        ("https://a.example/", "__host-a=1; Path=/"),
        ("https://a.example/", "a=1; SameSite=None"),
        ("https://a.example/", "a=1; Partitioned"),
    ] {
        assert!(refusal(from, cookie).contains("goes with"), "{cookie}");
    }
    for cookie in [
        "__Host-a=1; Secure; Path=/",
        "__Secure-a=1; Secure; Domain=a.example",
    ] {
        assert_ne!(
            sent(&[("https://a.example/", cookie)], "https://a.example/"),
            ""
        );
    }
}

#[test]
fn what_is_too_large_or_no_cookie_is_refused() {
    let from = "https://a.example/";
    let largest = format!("a={}", "x".repeat(4095));
    assert_eq!(sent(&[(from, &largest)], from), largest);
    assert!(refusal(from, &format!("{largest}x")).contains("4096"));
    refusal(from, "a");
    refusal(from, "=1");
}

#[test]
fn values_are_kept_as_they_are() {
    let from = "https://a.example/";
    let given = [(from, r#" a = "1=2" , ü ; HttpOnly"#)];
    assert_eq!(sent(&given, from), r#"a="1=2" , ü"#);
}

#[test]
fn the_debug_output_shows_no_value() {
    let mut jar = Jar::default();
    let from = Uri::from_static("https://a.example/");
    jar.keep(b"name=secret; Max-Age=3600", &from, now())
        .unwrap();
    assert_eq!(format!("{jar:?}"), r#"["name"]"#);
    let field = jar.field(&from, now() + HOUR / 2);
    assert_eq!(format!("{field:?}"), "Some(Sensitive)");
}
