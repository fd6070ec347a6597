use std::io::{self, BufRead, BufReader, Write as _};
use std::ops::{Deref, DerefMut};
use std::process::Command;

use super::port::Port;
use super::program;
use super::server::{Kind, Server, connect, folder};

const KIND: Kind = Kind {
    url: |port| format!("redis://127.0.0.1:{port}"),
    answers: |port| command(port, &["PING"]).is_ok(),
    end: "KILL",
};

/// Every key and value of every database, as the server writes them on disk.
const DUMP: &str = "
    local all = {}
    for database = 0, 15 do
        -- A cluster has the first alone.
        if redis.pcall('SELECT', database).err then break end
        local cursor = '0'
        repeat
            local page = redis.call('SCAN', cursor, 'COUNT', 1000)
            cursor = page[1]
            for _, key in ipairs(page[2]) do
                all[#all + 1] = key
                all[#all + 1] = redis.call('DUMP', key)
            end
        until cursor == '0'
    end
    return table.concat(all, '\\n')";

/// A `redis-server` without persistence: started again, it is empty.
pub(crate) struct Redis(Server);

impl Redis {
    pub(crate) fn start() -> Redis {
        Redis::start_with(&[])
    }

    /// With arguments of its own, as `--maxmemory 2mb`, or `--appendonly yes` to be there after a restart.
    pub(crate) fn start_with(arguments: &[&str]) -> Redis {
        let (port, folder) = (Port::reserve(), folder());
        let mut command = Command::new(program::find("redis-server", "redis-server"));
        command
            .args(["--port", &port.number.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            // What is dumped can be searched.
            .args(["--rdbcompression", "no"])
            .args(arguments);
        Redis(Server::start(&KIND, command, port, folder))
    }

    /// Its answer to a command, each item on a line, as `redis-cli` shows it.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let answer = self.try_ask(arguments);
        answer.unwrap_or_else(|error| panic!("Redis refuses {arguments:?}: {error}"))
    }

    /// [`ask`](Self::ask), of what may be refused.
    pub(crate) fn try_ask(&self, arguments: &[&str]) -> Result<String, String> {
        match command(self.port(), arguments) {
            Ok(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// All that it stores. A text that it holds is found in here, byte for byte.
    pub(crate) fn dump(&self) -> Vec<u8> {
        command(self.port(), &["EVAL", DUMP, "0"]).expect("Redis shows what it stores")
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// Sends one command on a connection of its own. An error of the server is one here.
fn command(port: u16, arguments: &[&str]) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    write!(request, "*{}\r\n", arguments.len())?;
    for argument in arguments {
        write!(request, "${}\r\n{argument}\r\n", argument.len())?;
    }
    let mut stream = connect(port)?;
    stream.write_all(&request)?;
    let mut answer = Vec::new();
    read_reply(&mut BufReader::new(stream), &mut answer)?;
    Ok(answer)
}

/// Reads a reply of Redis' protocol, RESP2: the items of a list follow each other, a line each.
fn read_reply(reader: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line
        .strip_suffix("\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let length = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "-" => return Err(io::Error::other(rest)),
        "$" => {
            // -1 stands for nothing.
            if let Ok(length) = usize::try_from(length()?) {
                let mut text = vec![0; length + 2];
                reader.read_exact(&mut text)?;
                into.extend(&text[..length]);
            }
        }
        "*" => {
            for index in 0..length()? {
                if index > 0 {
                    into.push(b'\n');
                }
                read_reply(reader, into)?;
            }
        }
        _ => into.extend(rest.as_bytes()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Redis;
    use crate::support::servers::server::tests::assert_ends_with_the_test;

    #[test]
    fn redis_starts_answers_and_is_empty_after_a_restart() {
        let mut redis = Redis::start();
        assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
        assert_eq!(redis.ask(&["SET", "colour", "green"]), "OK");
        assert_eq!(redis.ask(&["GET", "colour"]), "green");
        assert_eq!(redis.ask(&["MGET", "colour", "shape"]), "green\n");
        assert!(
            redis
                .ask(&["INFO", "commandstats"])
                .contains("cmdstat_mget:calls=1,")
        );

        redis.kill();
        redis.try_ask(&["PING"]).unwrap_err();
        redis.restart();
        assert_eq!(redis.ask(&["DBSIZE"]), "0");
    }

    #[test]
    fn redis_takes_arguments() {
        let mut redis = Redis::start_with(&["--appendonly", "yes"]);
        redis.ask(&["SET", "colour", "green"]);
        redis.restart();
        assert_eq!(redis.ask(&["GET", "colour"]), "green");

        redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        let refused = redis.try_ask(&["SET", "colour", "blue"]).unwrap_err();
        assert!(refused.starts_with("OOM "), "{refused}");
    }

    #[test]
    fn redis_shows_all_that_it_stores() {
        let redis = Redis::start();
        let long = "a text that compresses well ".repeat(100);
        redis.ask(&["SET", "a text", &long]);
        redis.ask(&["HSET", "a hash", "field", "in a hash"]);
        redis.ask(&[
            "EVAL",
            "redis.call('SELECT', 3) return redis.call('SET', 'elsewhere', 'x')",
            "0",
        ]);

        let dump = String::from_utf8_lossy(&redis.dump()).into_owned();
        for text in ["a text", &long, "a hash", "in a hash", "elsewhere"] {
            assert!(dump.contains(text), "{text}");
        }
    }

    #[test]
    fn redis_ends_with_the_test() {
        assert_ends_with_the_test(Redis::start);
    }
}
