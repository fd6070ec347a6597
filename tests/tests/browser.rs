//! The bookshop in a real browser, over each storage.
//!
//! The cookie storage keeps the whole session in the cookie and nothing on the server. A cookie that was copied before
//! a login or a logout therefore stays readable until it expires (the README says so): there, the tests that replay
//! an old cookie ask only that the browser's own is another one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bookshop::Bookshop;
use crate::support::browser::Browser;
use crate::support::http;

/// Each scenario once for each storage, as a test of its own: `browser::file::theme_persists_over_a_reload`.
macro_rules! with_each_storage {
    ($($scenario:ident,)+) => {
        with_each_storage!(memory: Memory, $($scenario,)+);
        with_each_storage!(cookie: Cookie, $($scenario,)+);
        with_each_storage!(file: File, $($scenario,)+);
    };
    ($module:ident: $storage:ident, $($scenario:ident,)+) => {
        mod $module {
            use super::{Storage, Visit};

            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario(Visit::begin(Storage::$storage).await).await;
                }
            )+
        }
    };
}

with_each_storage! {
    theme_persists_over_a_reload,
    flash_shows_once_after_the_redirect,
    login_changes_the_cookie_and_the_old_one_no_longer_works,
    after_logout_the_old_cookie_opens_nothing_and_the_goodbye_shows_once,
    forget_removes_the_cookie_from_the_browser,
    restart_of_the_server_keeps_the_cart_where_it_is_stored_outside_the_process,
    cookie_is_bound_to_the_host_and_hidden_from_scripts,
}

async fn theme_persists_over_a_reload(visit: Visit) {
    visit.goto("/").await;
    assert_eq!(visit.theme().await, "light");

    visit.send("/set-theme").await;
    assert_eq!(visit.browser.path().await, "/");
    assert_eq!(visit.theme().await, "dark");

    visit.browser.reload().await;
    assert_eq!(visit.theme().await, "dark");
}

async fn flash_shows_once_after_the_redirect(visit: Visit) {
    visit.goto("/books/create").await;
    visit.browser.fill("[name=title]", "Orlando").await;
    visit.send("/books/create").await;
    assert_eq!(visit.browser.path().await, "/books");
    assert_eq!(visit.flashes().await, ["“Orlando” is on the shelf."]);
    assert_eq!(visit.browser.texts(".flash-success").await.len(), 1);
    visit.browser.reload().await;
    assert_eq!(visit.flashes().await, NOTHING);

    visit.goto("/books/create").await;
    visit.send("/books/create").await;
    assert_eq!(visit.flashes().await, ["A title has 1 to 100 characters."]);
    assert_eq!(visit.browser.texts(".flash-error").await.len(), 1);
    visit.browser.reload().await;
    assert_eq!(visit.flashes().await, NOTHING);
}

async fn login_changes_the_cookie_and_the_old_one_no_longer_works(visit: Visit) {
    visit.goto("/").await;
    visit.send("/set-theme").await;
    let old = visit.cookie().await;
    assert_eq!(visit.opened_by(&old), json!({ "theme": "dark" }));

    visit.log_in("not the password").await;
    assert_eq!(visit.browser.path().await, "/login");
    assert_eq!(visit.browser.texts(".flash-error").await.len(), 1);
    assert_eq!(visit.browser.texts(".user").await, NOTHING);

    visit.log_in("secret").await;
    assert_eq!(visit.browser.path().await, "/");
    assert_eq!(
        visit.browser.texts(".flash-success").await,
        ["Welcome, Ada."]
    );
    assert_eq!(visit.browser.texts(".user").await, ["Ada"]);

    let new = visit.cookie().await;
    assert_ne!(new, old);
    assert_eq!(
        visit.opened_by(&new),
        json!({ "theme": "dark", "user": "Ada" })
    );
    if visit.storage.is_on_the_server() {
        assert_eq!(visit.opened_by(&old), json!({}));
    }
}

async fn after_logout_the_old_cookie_opens_nothing_and_the_goodbye_shows_once(visit: Visit) {
    visit.log_in("secret").await;
    let old = visit.cookie().await;
    assert_eq!(visit.opened_by(&old)["user"], "Ada");

    visit.send("/logout").await;
    assert_eq!(visit.browser.path().await, "/");
    assert_eq!(visit.flashes().await, ["Goodbye, and come again."]);
    assert_eq!(visit.browser.texts(".user").await, NOTHING);
    assert_ne!(visit.cookie().await, old);
    if visit.storage.is_on_the_server() {
        assert_eq!(visit.opened_by(&old), json!({}));
    }

    visit.browser.reload().await;
    assert_eq!(visit.flashes().await, NOTHING);
}

async fn forget_removes_the_cookie_from_the_browser(visit: Visit) {
    visit.goto("/").await;
    visit.send("/set-theme").await;
    let old = visit.cookie().await;

    visit.send("/forget").await;
    assert_eq!(visit.browser.path().await, "/");
    assert_eq!(visit.browser.cookies().await.len(), 0);
    assert_eq!(visit.theme().await, "light");
    if visit.storage.is_on_the_server() {
        assert_eq!(visit.opened_by(&old), json!({}));
    }
}

async fn restart_of_the_server_keeps_the_cart_where_it_is_stored_outside_the_process(
    mut visit: Visit,
) {
    visit.goto("/books").await;
    visit.browser.submit("button[value='Walden']").await;
    visit.goto("/books").await;
    visit.browser.submit("button[value='Walden']").await;
    assert_eq!(visit.browser.path().await, "/cart");
    assert_eq!(visit.browser.texts("tbody tr").await, ["Walden 2"]);

    // No secret is given to the shop: it has to find the one that it made at its first start.
    visit.restart_the_shop();

    visit.goto("/cart").await;
    let kept: &[&str] = match visit.storage {
        Storage::Memory => &[],
        Storage::Cookie | Storage::File => &["Walden 2"],
    };
    assert_eq!(visit.browser.texts("tbody tr").await, kept);
}

async fn cookie_is_bound_to_the_host_and_hidden_from_scripts(visit: Visit) {
    visit.goto("/").await;
    let before = visit.browser.cookies().await.len();
    assert_eq!(before, 0, "reading a page begins no session");

    visit.send("/set-theme").await;
    let cookies = visit.browser.cookies().await;
    let [cookie] = cookies.as_slice() else {
        panic!("one cookie, not {}", cookies.len());
    };
    assert_eq!(cookie.name(), "__Host-session");
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!(
        cookie.same_site().map(|lax| lax.to_string()).as_deref(),
        Some("Lax")
    );
    assert_eq!(cookie.path(), Some("/"));
    assert!(
        cookie.expires_datetime().is_some(),
        "it outlives the browser"
    );
    assert_eq!(visit.browser.cookies_of_scripts().await, "");
}

/// The README's pictures are what this test sees: `scripts/screenshots.sh` copies them.
#[tokio::test]
async fn the_two_themes_are_two_looks() {
    let visit = Visit::begin(Storage::Memory).await;
    let mut backgrounds = Vec::new();
    for theme in ["light", "dark"] {
        visit.goto("/cart").await;
        visit.browser.fill("[name=title]", "Walden").await;
        visit.send("/cart/add").await;
        visit.goto("/books/create").await;
        visit.browser.fill("[name=title]", "Orlando").await;
        visit.send("/books/create").await;
        assert_eq!(visit.theme().await, theme);
        backgrounds.push(visit.browser.style("body", "background-color").await);

        let picture = visit.browser.screenshot(1000, 840).await;
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bookshop-{theme}.png"));
        fs::write(file, picture).expect("the picture is kept");

        visit.goto("/").await;
        visit.send("/set-theme").await;
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
}

/// No element of the page.
const NOTHING: [&str; 0] = [];

#[derive(Clone, Copy)]
enum Storage {
    Memory,
    Cookie,
    File,
}

impl Storage {
    /// For the environment of the shop, which runs in a folder of its own.
    fn url(self) -> &'static str {
        match self {
            Storage::Memory => "memory:",
            Storage::Cookie => "cookie:",
            Storage::File => "file:./sessions",
        }
    }

    /// Whether the server can take a session back: not from a cookie that somebody copied.
    fn is_on_the_server(self) -> bool {
        !matches!(self, Storage::Cookie)
    }
}

/// A fresh browser in a fresh shop.
struct Visit {
    browser: Browser,
    shop: Option<Bookshop>,
    storage: Storage,
    folder: TempDir,
}

impl Visit {
    async fn begin(storage: Storage) -> Visit {
        let folder = TempDir::new().expect("a folder for the shop");
        let shop = Bookshop::open(folder.path(), &[("SESSION_STORAGE", storage.url())]);
        Visit {
            browser: Browser::open().await,
            shop: Some(shop),
            storage,
            folder,
        }
    }

    fn shop(&self) -> &Bookshop {
        self.shop.as_ref().expect("the shop is open")
    }

    /// Closes the shop and opens it again in the same folder. Its port may change: cookies do not mind.
    fn restart_the_shop(&mut self) {
        if let Some(shop) = self.shop.take() {
            shop.stop();
        }
        let variables = [("SESSION_STORAGE", self.storage.url())];
        self.shop = Some(Bookshop::open(self.folder.path(), &variables));
    }

    async fn goto(&self, path: &str) {
        self.browser.goto(&self.shop().url(path)).await;
    }

    /// Presses the button of the form that leads to `path`.
    async fn send(&self, path: &str) {
        self.browser
            .submit(&format!("[action='{path}'] button"))
            .await;
    }

    async fn log_in(&self, password: &str) {
        self.goto("/login").await;
        self.browser.fill("[name=name]", "Ada").await;
        self.browser.fill("[name=password]", password).await;
        self.send("/login").await;
    }

    /// The flash messages of the page, of either kind.
    async fn flashes(&self) -> Vec<String> {
        self.browser.texts(".flash").await
    }

    async fn theme(&self) -> String {
        let theme = self.browser.attribute("html", "data-theme").await;
        theme.expect("the root names its theme")
    }

    /// The session cookie that the browser holds, as it would send it.
    async fn cookie(&self) -> String {
        let cookies = self.browser.cookies().await;
        let cookie = cookies.first().expect("the browser holds a session cookie");
        format!("{}={}", cookie.name(), cookie.value())
    }

    /// What the shop finds in the session of somebody who sends this cookie.
    fn opened_by(&self, cookie: &str) -> Value {
        http::get(self.shop().address, "/session", Some(cookie)).json()
    }
}
