use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::Path;

/// None that the system gives to clients: one that asks a dead server again and again would be given the server's own
/// port at some time, and be connected to itself.
const RANGE: Range<u16> = 24_000..28_000;

/// A port that no other test takes, also while the server behind it is down.
pub(super) struct Port {
    pub(super) number: u16,
    // Its lock is the reservation.
    _file: File,
}

impl Port {
    pub(super) fn reserve() -> Port {
        // Somewhere by chance: a port that another test has just left may still be watched by it.
        let [high, low, ..] = RandomState::new().hash_one(()).to_be_bytes();
        let chance = usize::from(u16::from_be_bytes([high, low])) % RANGE.len();
        RANGE
            .cycle()
            .skip(chance)
            .take(RANGE.len())
            .find_map(Port::try_reserve)
            .expect("one of so many ports is free")
    }

    fn try_reserve(number: u16) -> Option<Port> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ports");
        fs::create_dir_all(&folder).expect("a folder for the reservations");
        let file = File::create(folder.join(number.to_string())).expect("a file for the port");
        file.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Port {
            number,
            _file: file,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::Port;

    #[test]
    fn port_is_given_to_one_test_alone() {
        let port = Port::reserve();
        assert!(Port::try_reserve(port.number).is_none());

        let stranger = TcpListener::bind(("127.0.0.1", port.number)).unwrap();
        let number = port.number;
        drop(port);
        assert!(Port::try_reserve(number).is_none());
        drop(stranger);
    }
}
