use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How long a reply may take to come. Far beyond what any server needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network that fails on command: between a client and a server of this computer.
///
/// An order holds for the connections that there are as well as for new ones, until the next order. It runs in threads of
/// its own, so it works on while the test waits.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<Line>,
}

impl Proxy {
    /// Stands before the server on a port, and [passes](Proxy::pass) everything on.
    pub(crate) fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let line = Arc::new(Line::default());
        let accepting = Arc::clone(&line);
        thread::spawn(move || accepting.accept(&listener, target));
        Proxy { port, line }
    }

    /// The port for clients.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections clients have opened so far, those that were refused too.
    pub(crate) fn connections(&self) -> usize {
        self.line.state().accepted
    }

    /// Everything goes through; what was held comes late.
    pub(crate) fn pass(&self) {
        self.line.order(Order::Pass);
    }

    /// Replies are kept back from now on: the server has done what it was asked, and the client hears nothing.
    pub(crate) fn hold_replies(&self) {
        self.line.order(Order::Hold(Direction::Replies));
    }

    /// Requests are kept back from now on: they come to the server late, or never.
    pub(crate) fn hold_requests(&self) {
        self.line.order(Order::Hold(Direction::Requests));
    }

    /// Waits until something is held.
    pub(crate) async fn until_held(&self) {
        let start = Instant::now();
        while self.line.state().held == 0 {
            assert!(
                start.elapsed() < PATIENCE,
                "nothing came that could be held"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Cuts the connection that gets the next reply, after so many of its bytes. Then everything passes again.
    ///
    /// The bytes are counted over all connections, and from one reply to the next.
    pub(crate) fn cut_replies_after(&self, bytes: usize) {
        self.line.order(Order::CutAfter(Direction::Replies, bytes));
    }

    /// Cuts the connection that sends the next request, after so many of its bytes: as with replies.
    pub(crate) fn cut_requests_after(&self, bytes: usize) {
        self.line.order(Order::CutAfter(Direction::Requests, bytes));
    }

    /// Closes all connections, with what is held on them, and each new one at once.
    pub(crate) fn refuse(&self) {
        self.line.order(Order::Refuse);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.order(Order::End);
        // The thread that waits for connections gets one, and sees that it was the last.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Requests,
    Replies,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Order {
    #[default]
    Pass,
    Hold(Direction),
    CutAfter(Direction, usize),
    Refuse,
    End,
}

#[derive(Default)]
struct State {
    order: Order,
    accepted: usize,
    /// How many reads wait to be passed on.
    held: usize,
    connections: Vec<Weak<Connection>>,
}

/// Both ends of a connection. They are closed when nobody reads them any more.
struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Connection {
    fn cut(&self) {
        // One that is closed already cannot be closed again.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    ordered: Condvar,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        let mut state = self.state();
        state.order = order;
        if matches!(order, Order::Refuse | Order::End) {
            for connection in state.connections.drain(..) {
                if let Some(connection) = connection.upgrade() {
                    connection.cut();
                }
            }
        }
        self.ordered.notify_all();
    }

    fn accept(self: Arc<Self>, listener: &TcpListener, target: u16) {
        for client in listener.incoming().map_while(Result::ok) {
            let mut state = self.state();
            if state.order == Order::End {
                break;
            }
            state.accepted += 1;
            drop(state);
            // A server that is down: the client sees its connection closed.
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                self.join(client, server);
            }
        }
    }

    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        // Otherwise small messages wait for each other.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let connection = Arc::new(Connection { client, server });
        let mut state = self.state();
        if matches!(state.order, Order::Refuse | Order::End) {
            return;
        }
        let connections = &mut state.connections;
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Arc::downgrade(&connection));
        for direction in [Direction::Requests, Direction::Replies] {
            let (line, connection) = (Arc::clone(self), Arc::clone(&connection));
            thread::spawn(move || line.pump(direction, &connection));
        }
    }

    fn pump(&self, direction: Direction, connection: &Connection) {
        let (mut from, mut to) = match direction {
            Direction::Requests => (&connection.client, &connection.server),
            Direction::Replies => (&connection.server, &connection.client),
        };
        let mut buffer = [0; 16 * 1024];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 {
                // The other direction may have something to say still.
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            let (passed, is_cut) = self.admit(direction, length);
            if to.write_all(&buffer[..passed]).is_err() || is_cut {
                break;
            }
        }
        connection.cut();
    }

    /// How much of a read goes through, and whether the connection ends then. It waits while it is held.
    fn admit(&self, direction: Direction, length: usize) -> (usize, bool) {
        let mut state = self.state();
        if state.order == Order::Hold(direction) {
            state.held += 1;
            let held = |state: &mut State| state.order == Order::Hold(direction);
            let waited = self.ordered.wait_while(state, held);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.held -= 1;
        }
        match &mut state.order {
            Order::CutAfter(cut, bytes) if *cut == direction => {
                let passed = length.min(*bytes);
                *bytes -= passed;
                let is_cut = *bytes == 0;
                if is_cut {
                    state.order = Order::Pass;
                }
                (passed, is_cut)
            }
            _ => (length, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::TcpStream;

    use super::{PATIENCE, Proxy};
    use crate::support::servers::redis::Redis;

    /// A connection to Redis through the proxy.
    struct Client(TcpStream);

    impl Client {
        fn connect(proxy: &Proxy) -> Client {
            let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Client(stream)
        }

        fn send(&mut self, command: &str) {
            self.0.write_all(command.as_bytes()).unwrap();
            self.0.write_all(b"\r\n").unwrap();
        }

        fn answers(&mut self, expected: &str) {
            let mut answer = vec![0; expected.len()];
            self.0.read_exact(&mut answer).unwrap();
            assert_eq!(String::from_utf8_lossy(&answer), expected);
        }

        /// Says this much, and no more: the connection ends.
        fn ends_with(&mut self, expected: &str) {
            let mut answer = String::new();
            if let Err(error) = self.0.read_to_string(&mut answer) {
                // Closed or reset, as the moment has it.
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
            assert_eq!(answer, expected);
        }
    }

    fn redis_and_proxy() -> (Redis, Proxy) {
        let redis = Redis::start();
        let proxy = Proxy::start(redis.port());
        (redis, proxy)
    }

    #[test]
    fn proxy_passes_and_counts_connections() {
        let (_redis, proxy) = redis_and_proxy();
        for count in 1..3 {
            let mut client = Client::connect(&proxy);
            client.send("PING");
            client.answers("+PONG\r\n");
            assert_eq!(proxy.connections(), count);
            // Who closes it says so to the other end.
            client.send("QUIT");
            client.ends_with("+OK\r\n");
        }
    }

    #[tokio::test]
    async fn held_reply_comes_late_and_the_request_was_carried_out() {
        let (redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.hold_replies();
        client.send("SET colour green");
        proxy.until_held().await;
        assert_eq!(redis.ask(&["GET", "colour"]), "green");
        client.0.set_nonblocking(true).unwrap();
        client.0.read(&mut [0]).unwrap_err();

        client.0.set_nonblocking(false).unwrap();
        proxy.pass();
        client.answers("+OK\r\n");
    }

    #[tokio::test]
    async fn held_request_comes_late_also_when_its_client_has_gone() {
        let (redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.hold_requests();
        client.send("LPUSH shelf book");
        proxy.until_held().await;
        drop(client);
        assert_eq!(redis.ask(&["EXISTS", "shelf"]), "0");

        proxy.pass();
        assert_eq!(redis.ask(&["BLPOP", "shelf", "60"]), "shelf\nbook");
    }

    #[test]
    fn connection_is_cut_in_the_middle_of_a_reply() {
        let (redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.cut_replies_after(2);
        client.send("SET colour green");
        client.ends_with("+O");
        assert_eq!(redis.ask(&["GET", "colour"]), "green");

        let mut next = Client::connect(&proxy);
        next.send("PING");
        next.answers("+PONG\r\n");
    }

    #[test]
    fn connection_is_cut_before_a_reply() {
        let (_redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.cut_replies_after(0);
        client.send("PING");
        client.ends_with("");
    }

    #[test]
    fn connection_is_cut_in_the_middle_of_a_request() {
        let (redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.cut_requests_after(10);
        client.send("SET colour green");
        client.ends_with("");
        assert_eq!(redis.ask(&["EXISTS", "colour"]), "0");
    }

    #[tokio::test]
    async fn refused_connections_end_with_what_is_held_on_them() {
        let (_redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        proxy.hold_replies();
        client.send("PING");
        proxy.until_held().await;
        proxy.refuse();
        client.ends_with("");
        Client::connect(&proxy).ends_with("");

        proxy.pass();
        let mut next = Client::connect(&proxy);
        next.send("PING");
        next.answers("+PONG\r\n");
    }

    #[test]
    fn proxy_ends_with_the_test() {
        let (_redis, proxy) = redis_and_proxy();
        let mut client = Client::connect(&proxy);
        client.send("PING");
        client.answers("+PONG\r\n");
        drop(proxy);
        client.ends_with("");
    }
}
