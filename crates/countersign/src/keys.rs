//! The key file: the keys under which secrets are sealed in the database.
//!
//! ```toml
//! [[key]]
//! id = "k1"
//! secret = "…32 bytes in Base64…"
//! ```
//!
//! The first key is the current one; the others only open what was sealed under them. Whoever has this file
//! and the database has every authenticator's secret, so it is readable by its owner alone, and it is never
//! written over.
//!
//! A new key file has a file beside it, named like it with `.unused` at the end, until a database has been opened with
//! its keys. Where that is gone, the keys have been used, and a missing database is a loss and not a beginning.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A 256-bit key. `Debug` shows nothing of it and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct KeySecret([u8; 32]);

impl Deref for KeySecret {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

/// The keys with their ids, the current one first. There is at least one, and no id is there twice.
pub type Keys = Vec<(String, KeySecret)>;

/// Why there are no keys, as one sentence that names the file and the remedy. None shows any of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error(
        "keys_file {path} cannot be read ({source}); check its path and its owner.",
        path = .path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It, or its directory, cannot be made.
    #[error(
        "keys_file {path} cannot be created ({source}); choose a directory that this user can write to.",
        path = .path.display()
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Group or others have some right to it.
    #[error(
        "keys_file {path} has mode {mode:04o}, which lets others at the keys; run `chmod 600 {path}`.",
        path = .path.display()
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What it holds is not a list of keys.
    #[error("keys_file {path} {problem}.", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong and the remedy.
        problem: String,
    },
}

/// Loads the key file; where there is none, makes one with a single new key, and its directory (0700) with
/// it.
///
/// The new file appears whole or not at all, also across a crash, and of two processes that make it at once,
/// both get the keys of the one that came first.
///
/// # Errors
///
/// As [`load`], or when the file or its directory cannot be made.
pub fn load_or_create(path: &Path) -> Result<Keys, KeyFileError> {
    match load(path) {
        Err(KeyFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            create(path).map_err(|source| KeyFileError::Create { path: path.to_owned(), source })?;
            load(path)
        }
        loaded => loaded,
    }
}

/// Whether the keys have not been used with any database yet. Ask after they were loaded, and before the database is looked
/// for: another process that starts at the same time takes the note away once there is one.
#[must_use]
pub fn are_unused(path: &Path) -> bool {
    note(path).exists()
}

/// Notes that a database has been opened with the keys.
///
/// # Errors
///
/// When the note cannot be taken away.
pub fn used(path: &Path) -> Result<(), KeyFileError> {
    let noted = match fs::remove_file(note(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| File::open(directory(path))?.sync_all()),
    };
    noted.map_err(|source| KeyFileError::Create { path: note(path), source })
}

fn note(path: &Path) -> PathBuf {
    let mut note = path.to_owned().into_os_string();
    note.push(".unused");
    note.into()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Loads the key file.
///
/// # Errors
///
/// When it is missing, open to others than its owner, or not a list of well-formed keys with ids of their
/// own.
pub fn load(path: &Path) -> Result<Keys, KeyFileError> {
    let read = |source| KeyFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    // Of the file that is open, not of the path, which may name another one by now.
    let mode = file.metadata().map_err(read)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(read)?;
    parse(&text).map_err(|problem| KeyFileError::Content { path: path.to_owned(), problem })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<KeyEntry>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    secret: String,
}

fn parse(text: &str) -> Result<Keys, String> {
    let file: KeyFile = toml::from_str(text).map_err(|error| {
        // Neither the error's text nor its message, both of which may quote a key.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!(
            "is wrong at line {line}; write only [[key]] sections, each with an id and a secret in quotes"
        )
    })?;
    if file.key.is_empty() {
        return Err("holds no [[key]]; put the keys back from the backup".to_owned());
    }
    let mut keys = Keys::with_capacity(file.key.len());
    for KeyEntry { id, secret } in &file.key {
        if id.is_empty() || id.len() > 32 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(format!("has a key with the id {id:?}; use 1 to 32 letters, digits and hyphens"));
        }
        if keys.iter().any(|(earlier, _)| earlier == id) {
            return Err(format!("has two keys with the id {id:?}; give each an id of its own"));
        }
        keys.push((id.clone(), decode(secret).map_err(|problem| format!("has a key {id:?} {problem}"))?));
    }
    Ok(keys)
}

fn decode(secret: &str) -> Result<KeySecret, String> {
    let bytes = BASE64
        .decode(secret.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| "whose secret is not Base64; make one with `openssl rand -base64 32`".to_owned())?;
    bytes.as_slice().try_into().map(KeySecret).map_err(|_| {
        format!(
            "whose secret has {} bytes instead of 32; make one with `openssl rand -base64 32`",
            bytes.len()
        )
    })
}

/// Writes a new key to a file of another name and links it to `path`, which fails where `path` has come to
/// exist: that file is then the one that counts.
fn create(path: &Path) -> io::Result<()> {
    let directory = directory(path);
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Before the keys, and to survive a crash before they do: keys without the note have been used.
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(note(path))?.sync_all()?;
    File::open(directory)?.sync_all()?;
    let mut name = [0; 8];
    random(&mut name)?;
    let draft = directory.join(format!(".keys-{}", HEXLOWER.encode(&name)));
    let linked = write_new(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    linked?;
    removed?;
    // The name, too, has to survive a crash before anything is sealed under the key.
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut secret = Zeroizing::new([0; 32]);
    random(secret.as_mut_slice())?;
    let secret = Zeroizing::new(BASE64.encode(secret.as_slice()));
    let text = Zeroizing::new(format!("[[key]]\nid = \"k1\"\nsecret = \"{}\"\n", *secret));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key that seals everything comes from the operating system alone, whatever else is passed in"
)]
fn random(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn file_with(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn entry(id: &str, secret: &str) -> String {
        format!("[[key]]\nid = \"{id}\"\nsecret = \"{secret}\"\n")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_first_start_makes_a_key_that_stays() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("new/data");
        let path = directory.join("keys.toml");

        let made = load_or_create(&path).unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].0, "k1");
        assert_ne!(*made[0].1, [0; 32]);
        assert_eq!((mode(&path), mode(&directory)), (0o600, 0o700));
        let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name()).collect();
        let names: std::collections::BTreeSet<_> = names.into_iter().collect();
        assert_eq!(
            names,
            ["keys.toml", "keys.toml.unused"].map(Into::into).into(),
            "no draft is left behind"
        );

        assert_eq!(load_or_create(&path).unwrap(), made);
        assert_eq!(load(&path).unwrap(), made);
        let other = load_or_create(&home.path().join("other.toml")).unwrap();
        assert_ne!(other[0].1, made[0].1);
    }

    #[test]
    fn new_keys_are_unused_until_a_database_was_opened_with_them() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys.toml");
        assert!(!are_unused(&path));
        load_or_create(&path).unwrap();
        assert!(are_unused(&path));
        assert_eq!(mode(&note(&path)), 0o600);
        // The next start, after a crash.
        load_or_create(&path).unwrap();
        assert!(are_unused(&path));
        used(&path).unwrap();
        used(&path).unwrap();
        assert!(!are_unused(&path));
        load_or_create(&path).unwrap();
        assert!(!are_unused(&path));
        let (_directory, given) = file_with(&entry("k1", ONE), 0o600);
        load_or_create(&given).unwrap();
        assert!(!are_unused(&given), "keys that somebody else made may belong to a database");
    }

    #[test]
    fn starts_at_the_same_time_agree_on_the_key() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/keys.toml");
        let made: Vec<Keys> = thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| load_or_create(&path).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(made.iter().all(|keys| *keys == made[0]));
    }

    #[test]
    fn several_keys_keep_their_order() {
        let (_directory, path) = file_with(&(entry("k2", TWO) + &entry("k1", ONE)), 0o600);
        let keys = load(&path).unwrap();
        assert_eq!(keys.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["k2", "k1"]);
        assert_eq!(*keys[1].1, std::array::from_fn(|byte| u8::try_from(byte).unwrap()));
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_with_the_remedy() {
        for bits in [0o640, 0o604, 0o620, 0o602, 0o660, 0o644] {
            let (_directory, path) = file_with(&entry("k1", ONE), bits);
            let shown = path.display();
            let expected = format!(
                "keys_file {shown} has mode {bits:04o}, which lets others at the keys; \
                 run `chmod 600 {shown}`."
            );
            assert_eq!(load(&path).unwrap_err().to_string(), expected);
            assert_eq!(load_or_create(&path).unwrap_err().to_string(), expected);
        }
        for bits in [0o600, 0o400] {
            let (_directory, path) = file_with(&entry("k1", ONE), bits);
            assert_eq!(load(&path).unwrap().len(), 1);
        }
    }

    #[test]
    fn what_is_not_a_list_of_keys_is_refused_and_kept() {
        let base64 = "make one with `openssl rand -base64 32`";
        let shape = "write only [[key]] sections, each with an id and a secret in quotes";
        for (text, problem) in [
            (String::new(), "holds no [[key]]; put the keys back from the backup".to_owned()),
            (
                entry("k1", ONE) + &entry("k1", TWO),
                "has two keys with the id \"k1\"; give each an id of its own".to_owned(),
            ),
            (
                entry("k1", "c2hvcnQ="),
                format!("has a key \"k1\" whose secret has 5 bytes instead of 32; {base64}"),
            ),
            (entry("k1", "not base64"), format!("has a key \"k1\" whose secret is not Base64; {base64}")),
            (
                entry("k 1", ONE),
                "has a key with the id \"k 1\"; use 1 to 32 letters, digits and hyphens".to_owned(),
            ),
            (format!("\n[[key]]\nid = 1\nsecret = \"{ONE}\""), format!("is wrong at line 3; {shape}")),
            (format!("[[key]]\nsecret = \"{ONE}\""), format!("is wrong at line 1; {shape}")),
            (entry("k1", ONE) + "note = \"x\"", format!("is wrong at line 4; {shape}")),
        ] {
            let (_directory, path) = file_with(&text, 0o600);
            let expected = format!("keys_file {} {problem}.", path.display());
            assert_eq!(load_or_create(&path).unwrap_err().to_string(), expected);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_missing_file_and_an_impossible_directory_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        let told = load(&path).unwrap_err().to_string();
        assert!(told.starts_with(&format!("keys_file {} cannot be read (", path.display())), "{told}");

        fs::write(directory.path().join("file"), "").unwrap();
        let below_a_file = directory.path().join("file/keys.toml");
        assert!(load_or_create(&below_a_file).is_err());
        let nowhere = Path::new("/proc/no-such-directory/keys.toml");
        let told = load_or_create(nowhere).unwrap_err().to_string();
        assert!(
            told.starts_with("keys_file /proc/no-such-directory/keys.toml cannot be created ("),
            "{told}"
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let (_directory, path) = file_with(&entry("k1", ONE), 0o600);
        assert_eq!(format!("{:?}", load(&path).unwrap()), "[(\"k1\", KeySecret(…))]");
    }
}
