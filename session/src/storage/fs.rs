use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::value::RawValue;

use crate::error::{Chain, StorageError};
use crate::expiry::{Clock, SystemClock, from_unix, to_unix};
use crate::id::{SessionId, StorageKey};
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::sweep::Sweep;

const LOCK_FILE: &str = ".lock";
const TEMPORARY: &str = "tmp";
const CORRUPT: &str = "corrupt";

/// Sessions as files in a folder: for one machine, with as many processes as you like.
///
/// One JSON file a session, `{"version":3,"record":{…}}`, mode 0600, in one of 256 shards (folders of mode 0700 named after the
/// first two hex digits of the key). Its modification time is when the session expires, so a touch rewrites nothing, and
/// a copy made without times reads as expired. A write goes to a temporary file, is synced and renamed: after a crash a
/// session is as it was or as it became. Writers take turns by a lock file a shard (`flock`): put the folder
/// on a local disk, not on a network file system.
///
/// A file that is no session is reported once, kept as `<key>.corrupt` for you to look at, and reads as missing.
/// Expired files go as others are created in their shard, one time in 16, and by [`Sweep`].
///
/// The five verbs run on tokio's blocking threads. A clone shares the folder.
///
/// # Example
///
/// ```
/// use session::FsStorage;
///
/// let folder = tempfile::tempdir()?;
/// let storage = FsStorage::new(folder.path().join("sessions"))?;
/// assert!(storage.folder().is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FsStorage {
    folder: Arc<Folder>,
}

struct Folder {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FsStorage {
    /// Sessions in that folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the folder can't be made or written to: better now than at the first login.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let path = folder.into();
        create_folder(&path)
            .and_then(|()| probe(&path))
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
            .map_err(StorageError::unavailable)?;
        let clock = Arc::new(SystemClock);
        Ok(Self {
            folder: Arc::new(Folder { path, clock }),
        })
    }

    /// Sets the clock by which sessions expire.
    pub fn clock(self, clock: impl Clock) -> Self {
        let path = self.folder.path.clone();
        Self {
            folder: Arc::new(Folder {
                path,
                clock: Arc::new(clock),
            }),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Runs a step that waits for the disk, where waiting stops nobody else. Once begun it is finished, also when the
    /// request is dropped.
    async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Folder) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || step(&folder))
            .await
            .map_err(StorageError::unavailable)?
    }
}

impl fmt::Debug for FsStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsStorage")
            .field("folder", &self.folder.path)
            .finish_non_exhaustive()
    }
}

impl Backend for FsStorage {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let key = *key;
        self.run(move |folder| folder.load(&key)).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let (key, record) = (*key, record.clone());
        self.run(move |folder| {
            let shard = folder.lock(&key)?;
            if shard.read(&key)?.is_some() {
                return Ok(Created::Taken);
            }
            shard.write(&key, &record, 1, expires_at)?;
            if is_swept_with(&key) {
                // The session is stored, so what goes wrong here is not the request's failure.
                if let Err(error) = shard.sweep() {
                    tracing::warn!(error = %Chain(&error), "expired sessions could not be removed");
                }
            }
            Ok(Created::Done { version: 1 })
        })
        .await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let (key, record) = (*key, record.clone());
        self.run(move |folder| {
            let shard = folder.lock(&key)?;
            match shard.read(&key)?.map(|loaded| loaded.version) {
                None => Ok(Updated::Gone),
                Some(version) if version != seen_version => Ok(Updated::Conflict),
                Some(version) => {
                    let version = version.wrapping_add(1);
                    shard.write(&key, &record, version, expires_at)?;
                    Ok(Updated::Done { version })
                }
            }
        })
        .await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let key = *key;
        self.run(move |folder| {
            let shard = folder.lock(&key)?;
            if shard.read(&key)?.is_none() {
                return Ok(Touched::Gone);
            }
            let file = File::options().write(true).open(shard.file(&key));
            file.and_then(|file| file.set_modified(expires_at))
                .map_err(StorageError::unavailable)?;
            Ok(Touched::Done)
        })
        .await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let key = *key;
        self.run(move |folder| folder.lock(&key)?.remove(&key))
            .await
    }
}

impl Sweep for FsStorage {
    async fn delete_expired(&self) -> Result<u64, StorageError> {
        self.run(|folder| {
            let mut deleted = 0;
            for path in entries(&folder.path).map_err(StorageError::unavailable)? {
                if is_shard(&path) {
                    deleted += folder.lock_shard(path)?.sweep()?;
                }
            }
            Ok(deleted)
        })
        .await
    }
}

impl Folder {
    /// Reading takes no lock: a file is renamed into its place as a whole.
    fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        match read(&self.shard(key).join(key.to_string())) {
            Err(StorageError::Corrupt(_)) => {
                // Under the lock, so that of several readers one reports it and the others find nothing.
                let shard = self.lock(key)?;
                shard.read(key).inspect_err(|error| {
                    if matches!(error, StorageError::Corrupt(_)) {
                        shard.set_aside(key);
                    }
                })
            }
            // A folder that is not there, unmounted perhaps, says nothing of its sessions.
            Ok(None) => fs::metadata(&self.path)
                .map(|_| None)
                .map_err(StorageError::unavailable),
            found => found,
        }
        .map(|found| found.filter(|loaded| self.is_live(loaded)))
    }

    fn lock(&self, key: &StorageKey) -> Result<Shard<'_>, StorageError> {
        self.lock_shard(self.shard(key))
    }

    fn lock_shard(&self, path: PathBuf) -> Result<Shard<'_>, StorageError> {
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            private(&mut options).open(path.join(LOCK_FILE))
        };
        let lock = open()
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => self.create_shard(&path).and_then(|()| open()),
                _ => Err(error),
            })
            .and_then(|file| file.lock().map(|()| file))
            .map_err(StorageError::unavailable)?;
        Ok(Shard {
            folder: self,
            path,
            _lock: lock,
        })
    }

    /// Makes a shard in the folder, but not the folder: that one was there, so without it something is wrong.
    fn create_shard(&self, path: &Path) -> io::Result<()> {
        match folder_builder().create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder(&self.path),
        }
    }

    fn shard(&self, key: &StorageKey) -> PathBuf {
        let [first, ..] = key.as_bytes();
        self.path.join(format!("{first:02x}"))
    }

    fn is_live(&self, loaded: &Loaded) -> bool {
        to_unix(self.clock.now()) < to_unix(loaded.expires_at)
    }
}

/// A shard whose lock is held. The lock goes with it, also when the process is killed.
struct Shard<'a> {
    folder: &'a Folder,
    path: PathBuf,
    _lock: File,
}

impl Shard<'_> {
    fn file(&self, key: &StorageKey) -> PathBuf {
        self.path.join(key.to_string())
    }

    fn read(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        Ok(read(&self.file(key))?.filter(|loaded| self.folder.is_live(loaded)))
    }

    fn write(
        &self,
        key: &StorageKey,
        record: &Record,
        version: u64,
        expires_at: SystemTime,
    ) -> Result<(), StorageError> {
        let json = format!(r#"{{"version":{version},"record":{}}}"#, record.to_json());
        let temporary = self.path.join(format!("{key}.{TEMPORARY}"));
        let write = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true);
            let mut file = private(&mut options).open(&temporary)?;
            file.write_all(json.as_bytes())?;
            file.set_modified(expires_at)?;
            file.sync_all()?;
            fs::rename(&temporary, self.file(key))?;
            sync_folder(&self.path)
        };
        write().map_err(StorageError::unavailable)
    }

    fn remove(&self, key: &StorageKey) -> Result<(), StorageError> {
        remove(&self.file(key))
            .and_then(|()| sync_folder(&self.path))
            .map_err(StorageError::unavailable)
    }

    /// Moves a file that is no session out of the way. If that fails, the next reader reports it again.
    fn set_aside(&self, key: &StorageKey) {
        let _ = fs::rename(self.file(key), self.path.join(format!("{key}.{CORRUPT}")));
    }

    /// Removes expired sessions, and what a killed process left half-written: whoever still wrote would hold the lock.
    fn sweep(&self) -> Result<u64, StorageError> {
        let now = to_unix(self.folder.clock.now());
        let sweep = || {
            let mut deleted = 0;
            for path in entries(&self.path)? {
                if is_temporary(&path) {
                    remove(&path)?;
                } else if is_session(&path) && to_unix(fs::metadata(&path)?.modified()?) <= now {
                    remove(&path)?;
                    deleted += 1;
                }
            }
            Ok(deleted)
        };
        sweep().map_err(|error: io::Error| StorageError::unavailable(error))
    }
}

/// Reads a file and its modification time, both of one file even if another is renamed over it meanwhile.
fn read(path: &Path) -> Result<Option<Loaded>, StorageError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::unavailable(error)),
    };
    let mut json = Vec::new();
    let expires_at = file
        .read_to_end(&mut json)
        .and_then(|_| file.metadata()?.modified())
        .map_err(StorageError::unavailable)?;
    let (version, record) = parse(&json)?;
    Ok(Some(Loaded {
        record,
        version,
        expires_at: from_unix(to_unix(expires_at)),
    }))
}

fn parse(json: &[u8]) -> Result<(u64, Record), StorageError> {
    let corrupt = || StorageError::corrupt("the file is not a session");
    let file: std::collections::BTreeMap<&str, &RawValue> =
        serde_json::from_slice(json).map_err(|_| corrupt())?;
    let version = file
        .get("version")
        .and_then(|version| version.get().parse().ok());
    let record = file.get("record").ok_or_else(corrupt)?;
    Ok((
        version.ok_or_else(corrupt)?,
        Record::from_json(record.get().as_bytes())?,
    ))
}

/// Whether the creation of this key sweeps its shard, too: one in 16 does, so that files go faster than they come.
fn is_swept_with(key: &StorageKey) -> bool {
    let [_, second, ..] = key.as_bytes();
    second % 16 == 0
}

fn is_shard(path: &Path) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name(path).is_some_and(|name| name.len() == 2 && name.bytes().all(is_digit)) && path.is_dir()
}

fn is_session(path: &Path) -> bool {
    name(path).is_some_and(|name| name.parse::<StorageKey>().is_ok())
}

fn is_temporary(path: &Path) -> bool {
    let key = name(path).and_then(|name| name.strip_suffix(TEMPORARY)?.strip_suffix('.'));
    key.is_some_and(|key| key.parse::<StorageKey>().is_ok())
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder that its owner alone can enter; one that is there stays as it is.
fn create_folder(path: &Path) -> io::Result<()> {
    folder_builder().recursive(true).create(path)
}

fn folder_builder() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn probe(folder: &Path) -> io::Result<()> {
    let mut name = String::from("probe-");
    SessionId::generate()
        .map_err(io::Error::other)?
        .push_text(&mut name);
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    private(options.create_new(true).write(true)).open(&path)?;
    fs::remove_file(path)
}

/// Lets the owner alone read and write what is created.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes renames and removals in a folder last through a power failure. Windows has no such thing, and needs none.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
