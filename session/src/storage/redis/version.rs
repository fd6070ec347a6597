use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A version that no other write has. That is all it has to be, so it is a hash, which takes no system call as a random
/// number does: under keys of this process, of a count, and of the time, which parts a forked process from its parent.
pub(super) fn fresh() -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |now| now.as_nanos());
    KEYS.hash_one((COUNT.fetch_add(1, Ordering::Relaxed), nanoseconds))
}

/// A version as it stands in an entry.
pub(super) fn text(version: u64) -> String {
    format!("{version:016x}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::fresh;

    #[test]
    fn versions_of_several_threads_differ() {
        const EACH: usize = 10_000;
        let threads =
            [(); 4].map(|()| thread::spawn(|| [(); EACH].iter().map(|()| fresh()).collect()));
        let versions: [Vec<u64>; 4] = threads.map(|thread| thread.join().unwrap());
        let distinct: HashSet<&u64> = versions.iter().flatten().collect();
        assert_eq!(distinct.len(), versions.len() * EACH);
    }
}
