use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::Path;
use std::process::Command;

use super::program;

/// Makes the data of a new server. That takes a second or more, so it is done once for all tests, and copied from then on.
///
/// It is made again when what it depends on changes: the server's version, the arguments, the account.
pub(super) fn fill(data: &Path, name: &str, depends_on: impl Hash, make: impl FnOnce()) {
    let mut hasher = DefaultHasher::new();
    depends_on.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("servers");
    fs::create_dir_all(&folder).expect("a folder for the templates");
    let template = folder.join(format!("{name}-{:016x}", hasher.finish()));

    // Each test is a process: the others wait until the first has made it.
    let lock = File::create(template.with_extension("lock")).expect("a file to lock");
    lock.lock().expect("files can be locked");
    if template.exists() {
        drop(lock);
        return copy(&template, data);
    }
    make();
    // Renamed when it is complete: a test may end at any time.
    let unfinished = template.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    copy(data, &unfinished);
    fs::rename(&unfinished, &template).expect("a folder can be renamed");
}

/// Owners and modes as well, which the servers check.
fn copy(from: &Path, to: &Path) {
    program::run(Command::new("cp").arg("-a").arg(from).arg(to));
}
