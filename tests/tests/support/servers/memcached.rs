use std::fmt::Display;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::ops::{Deref, DerefMut};
use std::process::Command;

use super::port::Port;
use super::program;
use super::server::{Kind, Server, connect, folder, wait_until};

const KIND: Kind = Kind {
    url: |port| format!("memcached://127.0.0.1:{port}"),
    answers: |port| commands(port, ["version"]).is_ok_and(|answer| !answer.is_empty()),
    end: "KILL",
};

/// A memcached with 32 MB and one thread. Started again, it is empty.
pub(crate) struct Memcached(Server);

impl Memcached {
    pub(crate) fn start() -> Memcached {
        Memcached::start_with(&[])
    }

    /// With arguments of its own, as `-I 2m`.
    pub(crate) fn start_with(arguments: &[&str]) -> Memcached {
        let (port, folder) = (Port::reserve(), folder());
        let mut command = Command::new(program::find("memcached", "memcached"));
        command
            // It refuses to be root.
            .args(["-u", "nobody"])
            .args(["-l", "127.0.0.1", "-p", &port.number.to_string()])
            .args(["-U", "0", "-m", "32", "-t", "1"])
            .args(arguments);
        Memcached(Server::start(&KIND, command, port, folder))
    }

    /// Its answer to a command, or to several, each on a line.
    pub(crate) fn ask(&self, command: &str) -> String {
        let answer = commands(self.port(), [command]).expect("memcached answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// All that it stores, with its keys.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let mut keys = None;
        wait_until(|| {
            keys = self.keys().expect("memcached answers");
            keys.is_some()
        });
        let keys = keys.expect("memcached lists its keys");
        // Not all at once: it reads no further while nobody reads its answers.
        keys.chunks(100)
            .flat_map(|keys| {
                let gets = keys.iter().map(|key| format!("mg {key} k v"));
                commands(self.port(), gets).expect("memcached answers")
            })
            .collect()
    }

    /// None while it is searching on its own: it does so at times, and never twice at once.
    fn keys(&self) -> io::Result<Option<Vec<String>>> {
        let mut keys = Vec::new();
        let mut stream = connect(self.port())?;
        stream.write_all(b"lru_crawler metadump all\r\n")?;
        for line in BufReader::new(stream).lines() {
            let line = line?;
            // "key=a%3Ab exp=-1 la=1795270343 …"
            let key = line
                .strip_prefix("key=")
                .and_then(|item| item.split_once(' '));
            match key {
                Some((key, _)) => keys.push(decoded(key)),
                None if line == "END" => return Ok(Some(keys)),
                None if line.starts_with("BUSY") => return Ok(None),
                None => return Err(io::Error::other(line)),
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl Deref for Memcached {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Memcached {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// Sends commands on a connection of their own. Told to quit after them, the server closes it: the answers end there.
fn commands(port: u16, commands: impl IntoIterator<Item = impl Display>) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    for command in commands {
        write!(request, "{command}\r\n")?;
    }
    let mut stream = connect(port)?;
    stream.write_all(&request)?;
    stream.write_all(b"quit\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// `a%3Ab` is `a:b`.
fn decoded(key: &str) -> String {
    let mut parts = key.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        let byte = u8::from_str_radix(code, 16).expect("two hex digits");
        decoded.push(char::from(byte));
        decoded += rest;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::Memcached;
    use crate::support::servers::server::tests::assert_ends_with_the_test;

    #[test]
    fn memcached_starts_answers_and_is_empty_after_a_restart() {
        let mut memcached = Memcached::start();
        let url = format!("memcached://127.0.0.1:{}", memcached.port());
        assert_eq!(memcached.url(), url);
        assert_eq!(memcached.ask("set colour 0 0 5\r\ngreen"), "STORED\r\n");
        assert_eq!(memcached.ask("mg colour v"), "VA 5\r\ngreen\r\n");
        assert!(memcached.ask("stats").contains("STAT cmd_set 1\r\n"));

        memcached.kill();
        std::net::TcpStream::connect(("127.0.0.1", memcached.port())).unwrap_err();
        memcached.restart();
        assert_eq!(memcached.ask("mg colour v"), "EN\r\n");
    }

    #[test]
    fn memcached_takes_arguments() {
        let memcached = Memcached::start_with(&["-I", "2m"]);
        assert!(
            memcached
                .ask("stats settings")
                .contains("STAT item_size_max 2097152\r\n")
        );
    }

    #[test]
    fn memcached_shows_all_that_it_stores() {
        let memcached = Memcached::start();
        assert_eq!(memcached.dump(), b"");
        memcached.ask("set shop:100% 0 0 5\r\ngreen\r\nset other 0 1000 3\r\nred");

        let dump = String::from_utf8_lossy(&memcached.dump()).into_owned();
        for text in ["shop:100%", "green", "other", "red"] {
            assert!(dump.contains(text), "{text}");
        }
    }

    #[test]
    fn memcached_ends_with_the_test() {
        assert_ends_with_the_test(Memcached::start);
    }
}
