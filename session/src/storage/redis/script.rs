use std::sync::LazyLock;

/// A script that the server runs as one step, and keeps under its hash.
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let hash = ::redis::Script::new(text).get_hash().to_owned();
        Self { text, hash }
    }
}

/// Replaces an entry if its version is the one that was seen. The same call made twice is done once: the version that its
/// value begins with tells it.
pub(super) static UPDATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local version = redis.call('GETRANGE', KEYS[1], 0, 15)
if version == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EXAT', ARGV[3])
  return 'done'
end
if version == '' then return 'gone' end
if version == string.sub(ARGV[2], 1, 16) then return 'done' end
return 'conflict'",
    )
});

/// Moves a deadline, in the entry and of the key. One in the past deletes the key, so that step comes last.
pub(super) static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
redis.call('SETRANGE', KEYS[1], 17, ARGV[1])
redis.call('EXPIREAT', KEYS[1], ARGV[2])
return 'done'",
    )
});

/// A deadline as it stands in an entry.
pub(super) fn padded(deadline: u64) -> String {
    format!("{deadline:012}")
}
