//! What the environment says: the port, where sessions are kept, and the secret of the cookie.

use std::env::{self, VarError};
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use session::KeyRing;

/// Holds the generated secret, so that a restart of the shop can still read its visitors' cookies.
const SECRET_FILE: &str = ".session-secret";

/// The settings of a shop.
pub struct Config {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where sessions are kept.
    pub storage_url: String,
    /// The keys of the cookie.
    pub keys: KeyRing,
}

impl Config {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// When one of them means nothing, as one sentence that names it.
    pub fn from_env() -> Result<Config, String> {
        Ok(Config {
            port: port()?,
            storage_url: variable("SESSION_STORAGE")?.unwrap_or("file:./sessions".to_owned()),
            keys: keys()?,
        })
    }
}

/// An error and what caused it, in one line.
pub fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

fn port() -> Result<u16, String> {
    let Some(port) = variable("PORT")? else {
        return Ok(3000);
    };
    port.parse()
        .map_err(|_| format!("PORT is a number from 0 to 65535, not `{port}`"))
}

fn keys() -> Result<KeyRing, String> {
    if env::var_os("SESSION_SECRET").is_some() {
        return KeyRing::from_env("SESSION_SECRET").map_err(|error| causes(&error));
    }

    let secret =
        kept_secret().map_err(|error| format!("cannot keep a secret in {SECRET_FILE}: {error}"))?;
    let keys = KeyRing::new(secret.trim_end()).map_err(|error| {
        format!(
            "{SECRET_FILE}: {}; delete it to have a new one made",
            causes(&error)
        )
    })?;
    eprintln!(
        "bookshop: warning: SESSION_SECRET is not set, so the secret in {SECRET_FILE} is used; \
         a shop on the internet should set its own"
    );
    Ok(keys)
}

/// The secret of an earlier start, or else a new one: 256 random bits as text.
fn kept_secret() -> io::Result<String> {
    match fs::read_to_string(SECRET_FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }

    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let secret = BASE64_URL_SAFE_NO_PAD.encode(random);

    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    // Set as the file is made, not after: nobody else can open it in between.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    writeln!(file.open(SECRET_FILE)?, "{secret}")?;
    Ok(secret)
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not valid Unicode")),
    }
}
