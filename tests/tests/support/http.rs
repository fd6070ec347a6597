use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The answer to one request.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Response {
    /// The first header of this name, written in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The values of every header of this name, written in lower case.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The cookie that this answer sets, as `name=value`.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.header("set-cookie")?.split(';').next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Sends a GET request, with `cookie` as its Cookie header.
pub(crate) fn get(server: SocketAddr, path: &str, cookie: Option<&str>) -> Response {
    send(server, "GET", path, cookie, "")
}

/// As [`get`], but for a server that may close the connection without an answer.
pub(crate) fn try_get(server: SocketAddr, path: &str, cookie: Option<&str>) -> Option<Response> {
    try_send(server, "GET", path, cookie, "")
}

/// Sends a form, with `cookie` as its Cookie header.
pub(crate) fn post(
    server: SocketAddr,
    path: &str,
    fields: &[(&str, &str)],
    cookie: Option<&str>,
) -> Response {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let form = pairs.collect::<Vec<_>>().join("&");
    send(server, "POST", path, cookie, &form)
}

/// A client with a jar for one cookie.
pub(crate) struct Visitor {
    server: SocketAddr,
    pub(crate) cookie: Option<String>,
}

impl Visitor {
    pub(crate) fn of(server: SocketAddr) -> Visitor {
        Visitor {
            server,
            cookie: None,
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        let response = get(self.server, path, self.cookie.as_deref());
        self.remember(response)
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let response = post(self.server, path, fields, self.cookie.as_deref());
        self.remember(response)
    }

    fn remember(&mut self, response: Response) -> Response {
        if let Some(cookie) = response.cookie() {
            self.cookie = Some(cookie.to_owned());
        }
        response
    }
}

fn send(
    server: SocketAddr,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    form: &str,
) -> Response {
    try_send(server, method, path, cookie, form).expect("the server answers")
}

fn try_send(
    server: SocketAddr,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    form: &str,
) -> Option<Response> {
    let cookie = cookie
        .map(|cookie| format!("Cookie: {cookie}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{cookie}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(server).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a time limit");
    stream
        .write_all(request.as_bytes())
        .expect("the server reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the server answers in UTF-8");
    (!answer.is_empty()).then(|| parsed(&answer))
}

fn parsed(answer: &str) -> Response {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .expect("a blank line after the headers");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .expect("a status line");
    let headers = lines.filter_map(|line| line.split_once(": "));
    Response {
        status: status.parse().expect("a status code"),
        body: body.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    }
}

/// Percent-encodes all but letters and digits.
fn encoded(raw: &str) -> String {
    let bytes = raw.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}
