//! The files of an SQLite database, and a database that is not where it was.

use crate::harness::{Drawn, Noon, World, keys, on_both};
use countersign_store::{ExpectedDatabase, Store, StoreError};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open_sqlite(path, keys(&[1]), Arc::new(Drawn::default()), &Noon).await
}

#[tokio::test]
async fn a_database_that_others_may_read_is_refused_and_left_as_it_is() {
    let w = World::sqlite().await;
    for suffix in ["", "-wal", "-shm"] {
        let path = with(&w.file(), suffix);
        for bits in [0o640, 0o604, 0o660, 0o622, 0o644, 0o601] {
            set_mode(&path, bits);
            let error = w.again(keys(&[1])).await.err().unwrap().to_string();
            let shown = path.display();
            assert_eq!(
                error,
                format!(
                    "{shown} has mode {bits:04o}, which lets others at the database; run `chmod 600 {shown}`"
                )
            );
            assert_eq!(mode(&path), bits);
        }
        set_mode(&path, 0o600);
        assert!(w.again(keys(&[1])).await.is_ok());
    }
}

#[tokio::test]
async fn what_a_symbolic_link_leads_to_counts() {
    let folder = TempDir::new().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    drop(open(&real).await.unwrap());
    symlink(&real, &link).unwrap();
    assert!(open(&link).await.is_ok());
    set_mode(&real, 0o644);
    assert!(matches!(open(&link).await, Err(StoreError::Mode { mode: 0o644, .. })));
    set_mode(&real, 0o600);
    // The log lies beside the file itself.
    fs::write(with(&real, "-wal"), "").unwrap();
    set_mode(&with(&real, "-wal"), 0o644);
    assert!(matches!(open(&link).await, Err(StoreError::Mode { mode: 0o644, .. })));
    // A folder, and a link that leads nowhere, are no database.
    assert!(open(folder.path()).await.is_err());
    let nowhere = folder.path().join("nowhere");
    symlink(folder.path().join("none"), &nowhere).unwrap();
    assert!(open(&nowhere).await.is_err());
}

#[tokio::test]
async fn a_file_that_was_moved_deleted_or_replaced_is_noticed() {
    let w = World::sqlite().await;
    w.person("mia@example.com").await;
    assert!(w.store.is_in_place().await.is_ok());
    for suffix in ["", "-wal", "-shm"] {
        let (path, away) = (with(&w.file(), suffix), with(&w.file(), ".away"));
        let noticed = async || matches!(w.store.is_in_place().await, Err(StoreError::Replaced(text)) if text == path.display().to_string());
        fs::rename(&path, &away).unwrap();
        assert!(noticed().await, "{suffix}: gone");
        fs::copy(&away, &path).unwrap();
        assert!(noticed().await, "{suffix}: another file with the same content");
        fs::rename(&away, &path).unwrap();
        assert!(w.store.is_in_place().await.is_ok(), "{suffix}: back");
    }
    // Another process that opens it and closes it again changes nothing.
    w.rows_in("users");
    drop(w.again(keys(&[1])).await.unwrap());
    assert!(w.store.is_in_place().await.is_ok());
}

#[tokio::test]
async fn keys_that_have_been_used_want_the_database_that_they_were_used_with() {
    on_both(async |w| {
        let existing = || keys(&[1]).expecting(ExpectedDatabase::Existing);
        assert!(w.again(existing()).await.is_ok());
        assert!(w.again(keys(&[1])).await.is_ok());
        let again = w.again(keys(&[1]).expecting(ExpectedDatabase::New)).await;
        assert!(matches!(again, Err(StoreError::AlreadyThere)));
        assert!(w.again(existing()).await.is_ok());

        let empty = w.elsewhere();
        let refused = empty.open(existing()).await;
        assert!(matches!(refused, Err(StoreError::Missing)));
        assert!(empty.is_empty(), "nothing is created on the way");
        assert!(empty.open(keys(&[1]).expecting(ExpectedDatabase::New)).await.is_ok());
        assert!(empty.open(existing()).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn an_empty_file_is_no_database_that_was_there_before() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("countersign.db");
    fs::write(&path, "").unwrap();
    set_mode(&path, 0o600);
    let keyring = keys(&[1]).expecting(ExpectedDatabase::Existing);
    let refused = Store::open_sqlite(&path, keyring, Arc::new(Drawn::default()), &Noon).await;
    assert!(matches!(refused, Err(StoreError::Missing)));
}
