use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fantoccini::cookies::Cookie;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::process::Process;

const INSTALL: &str =
    "the browser tests need Chromium and its driver: apt-get install chromium chromium-driver";

/// How long a page may take. Far beyond what any of them needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A fresh headless Chromium: no cookie, no cache.
pub(crate) struct Browser {
    client: Client,
    // Dropped in this order: the browser ends before its folder is deleted.
    _driver: Driver,
    _folder: TempDir,
}

impl Browser {
    pub(crate) async fn open() -> Browser {
        let folder = TempDir::new().expect("a folder for the browser");
        let driver = Driver::start(folder.path());
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless",
                    // Chromium's sandbox refuses to run as root, which is what containers run as.
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                    "--hide-scrollbars",
                    format!("--user-data-dir={}", folder.path().join("profile").display()),
                ]
            }
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}\n{INSTALL}"));
        Browser {
            client,
            _driver: driver,
            _folder: folder,
        }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.expect("the page opens again");
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("a page is shown");
        url.path().to_owned()
    }

    /// Clicks a button that sends a form, and waits for the page that answers.
    pub(crate) async fn submit(&self, css: &str) {
        let page = self.find("html").await;
        self.find(css)
            .await
            .click()
            .await
            .expect("it can be clicked");
        // The click may return before the answer is there. The root of the old page is gone once it is.
        let answered = async {
            while page.tag_name().await.is_ok() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, answered)
            .await
            .expect("a form leads to another page");
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.find(css)
            .await
            .send_keys(text)
            .await
            .expect("it takes text");
    }

    /// The texts of all elements that match, in the order of the page.
    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self
            .client
            .find_all(Locator::Css(css))
            .await
            .expect("a page is shown")
        {
            texts.push(element.text().await.expect("an element has a text"));
        }
        texts
    }

    pub(crate) async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.find(css)
            .await
            .attr(name)
            .await
            .expect("an element has attributes")
    }

    /// What the style sheet makes of a property.
    pub(crate) async fn style(&self, css: &str, property: &str) -> String {
        self.find(css)
            .await
            .css_value(property)
            .await
            .expect("an element has styles")
    }

    /// The browser's own list of cookies for the page, those hidden from scripts included.
    pub(crate) async fn cookies(&self) -> Vec<Cookie<'static>> {
        self.client
            .get_all_cookies()
            .await
            .expect("the jar can be read")
    }

    /// What scripts of the page see of the cookies.
    pub(crate) async fn cookies_of_scripts(&self) -> String {
        let seen = self
            .client
            .execute("return document.cookie", Vec::new())
            .await;
        seen.expect("scripts run")
            .as_str()
            .expect("a text")
            .to_owned()
    }

    /// What is shown in a window of this size, as PNG. The window's own frame takes some of the height.
    pub(crate) async fn screenshot(&self, width: u32, height: u32) -> Vec<u8> {
        self.client
            .set_window_size(width, height)
            .await
            .expect("the window has a size");
        self.client
            .screenshot()
            .await
            .expect("the page can be drawn")
    }

    async fn find(&self, css: &str) -> fantoccini::elements::Element {
        let found = self.client.find(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("no `{css}` on the page: {error}"))
    }
}

/// A chromedriver on a port of its own choice. What it and its browser leave behind stays in one folder.
struct Driver {
    port: u16,
    _process: Process,
}

impl Driver {
    fn start(folder: &Path) -> Driver {
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .env("TMPDIR", folder)
            .stderr(Stdio::null());
        let process = Process::start(&mut command)
            .unwrap_or_else(|error| panic!("chromedriver does not start: {error}\n{INSTALL}"));
        let port = loop {
            let line = process
                .next_line()
                .expect("chromedriver says its port before it ends");
            // "ChromeDriver was started successfully on port 41234."
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        Driver {
            port,
            _process: process,
        }
    }

    fn shut_down(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        stream.read_exact(&mut [0])
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A killed driver would leave its browsers behind: asked to shut down, it ends them before it answers.
        // A driver that is dead already cannot be asked, and a test that fails must not fail twice.
        let _ = self.shut_down();
    }
}
