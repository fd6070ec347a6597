//! The cookies that can be built are those that browsers keep, and forget when the session ends.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use session::testing::Browser;
use session::{
    CookieError, KeyRing, MemoryStorage, SameSite, Session, SessionCookie, SessionLayer,
};

/// What can be said of a cookie.
#[derive(Debug, Clone, Copy)]
struct Wish {
    name: &'static str,
    domain: Option<&'static str>,
    path: &'static str,
    same_site: SameSite,
    partitioned: bool,
    insecure: bool,
}

impl Wish {
    fn all() -> Vec<Wish> {
        let mut wishes = Vec::new();
        for name in [
            "session",
            "__Host-session",
            "__host-session",
            "__Secure-session",
        ] {
            for domain in [None, Some("shop.example")] {
                for path in ["/", "/shop"] {
                    for same_site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
                        for (partitioned, insecure) in
                            [(false, false), (false, true), (true, false), (true, true)]
                        {
                            wishes.push(Wish {
                                name,
                                domain,
                                path,
                                same_site,
                                partitioned,
                                insecure,
                            });
                        }
                    }
                }
            }
        }
        wishes
    }

    fn cookie(self) -> Result<SessionCookie, CookieError> {
        let keys = KeyRing::generate().unwrap();
        let mut cookie = SessionCookie::try_new(self.name, keys)?
            .path(self.path)?
            .same_site(self.same_site)?;
        if let Some(domain) = self.domain {
            cookie = cookie.domain(domain)?;
        }
        if self.partitioned {
            cookie = cookie.partitioned()?;
        }
        if self.insecure {
            cookie = cookie.insecure_http()?;
        }
        Ok(cookie)
    }

    /// The Set-Cookie field of a server that looks at none of the rules.
    fn field(self) -> String {
        let Wish {
            name,
            path,
            same_site,
            ..
        } = self;
        let domain = self.domain.map(|domain| format!("; Domain={domain}"));
        let flags = [
            (!self.insecure, "; Secure"),
            (self.partitioned, "; Partitioned"),
        ];
        let flags = flags.map(|(is_set, flag)| if is_set { flag } else { "" });
        format!(
            "{name}=value; Path={path}; SameSite={same_site:?}{}{}",
            domain.unwrap_or_default(),
            flags.concat()
        )
    }
}

fn shop(cookie: SessionCookie) -> Router {
    Router::new()
        .route(
            "/shop/theme",
            get(async |session: Session| session.set("theme", "dark")),
        )
        .route(
            "/shop/data",
            get(async |session: Session| session.data().to_string()),
        )
        .route(
            "/shop/logout",
            get(async |session: Session| session.destroy()),
        )
        .layer(SessionLayer::new(cookie, MemoryStorage::new()))
}

#[tokio::test]
async fn each_cookie_that_can_be_built_is_kept_and_forgotten_and_each_other_refused() {
    let field = async |Path(index): Path<usize>| [("set-cookie", Wish::all()[index].field())];
    let heedless: Router = Router::new().route("/shop/{index}", get(field));
    let mut built = 0;
    for (index, wish) in Wish::all().into_iter().enumerate() {
        let Ok(cookie) = wish.cookie() else {
            let mut browser = Browser::new(heedless.clone()).at("https://www.shop.example");
            let page = browser.get(&format!("/shop/{index}")).await;
            assert_eq!(page.refused_cookies().len(), 1, "{wish:?}");
            continue;
        };
        built += 1;
        let origin = if wish.insecure {
            "http://www.shop.example"
        } else {
            "https://www.shop.example"
        };
        let mut browser = Browser::new(shop(cookie)).at(origin);

        let page = browser.get("/shop/theme").await;
        assert_eq!(page.refused_cookies(), [""; 0], "{wish:?}");
        assert!(browser.cookie(wish.name).is_some(), "{wish:?}");
        let data = browser.get("/shop/data").await;
        assert_eq!(data.text(), r#"{"theme":"dark"}"#, "{wish:?}");
        browser.get("/shop/logout").await;
        assert_eq!(browser.cookie(wish.name), None, "{wish:?}");
    }
    assert!(built > 20, "{built} cookies were built");
}
