//! Transactions, schema and files.

use crate::harness::{NOW, Noon, World, address, keys, on_both};
use countersign_core::{
    authority::OperatorAuthority,
    ids::{OrganizationId, UserId},
};
use countersign_store::{Store, StoreError, StoreResult, Tx, all_statements, members, sessions, users};
use std::{collections::HashSet, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

fn create(id: OrganizationId) -> impl FnOnce(&mut Tx<'_>) -> StoreResult<()> + Send + 'static {
    move |tx| {
        members::create_organization(tx, &OperatorAuthority::at_the_console(), id, "Harbour & Pine", NOW)
    }
}

#[tokio::test]
async fn both_engines_understand_every_statement() {
    let names: HashSet<_> = all_statements().iter().map(|(file, name, _)| (*file, *name)).collect();
    assert_eq!(names.len(), all_statements().len());
    assert!(names.len() > 70, "{}", names.len());
    on_both(async |w| w.store.prepare_all().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_fails_leaves_nothing_and_its_neighbours_commit() {
    on_both(async |w| {
        let jobs: Vec<_> = (0..60)
            .map(|n| {
                let (store, id) = (w.store.clone(), OrganizationId::generate(NOW, &*w.entropy));
                tokio::spawn(async move {
                    store
                        .write(move |tx| {
                            create(id)(tx)?;
                            match n % 3 {
                                0 => Ok(()),
                                1 => Err(StoreError::Refused("changed its mind".into())),
                                _ => panic!("a mistake in a closure"),
                            }
                        })
                        .await
                })
            })
            .collect();
        let mut kept = 0;
        for (n, job) in jobs.into_iter().enumerate() {
            match job.await.unwrap() {
                Ok(()) => kept += 1,
                Err(error) => assert!(n % 3 != 0, "{error}"),
            }
        }
        assert_eq!((kept, w.rows_in("organizations")), (20, 20));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_refused_takes_only_its_own_closure_down() {
    on_both(async |w| {
        let id = OrganizationId::generate(NOW, &*w.entropy);
        w.write(create(id)).await;
        let answers = w
            .burst(|| {
                let new = OrganizationId::generate(NOW, &*w.entropy);
                move |tx: &mut Tx<'_>| create(new)(tx)
            })
            .await;
        assert_eq!(answers.len(), 200);
        assert!(w.store.write(create(id)).await.is_err());
        assert_eq!(w.rows_in("organizations"), 201);
    })
    .await;
}

#[tokio::test]
async fn a_reader_cannot_write_and_survives_a_panic() {
    on_both(async |w| {
        let id = OrganizationId::generate(NOW, &*w.entropy);
        assert!(w.store.read(create(id)).await.is_err());
        for _ in 0..20 {
            let answer = w.store.read::<(), _>(|_| panic!("a mistake in a closure")).await;
            assert!(matches!(answer, Err(StoreError::Refused(_))));
        }
        assert!(!w.read(members::any_owner).await);
        assert_eq!(w.rows_in("organizations"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_does_not_free_a_place_that_is_in_use() {
    on_both(async |w| {
        let slow = |tx: &mut Tx<'_>| {
            std::thread::sleep(Duration::from_millis(300));
            members::any_owner(tx)
        };
        for _ in 0..16 {
            drop(tokio::time::timeout(Duration::from_millis(10), w.store.read(slow)).await);
        }
        assert!(!w.read(members::any_owner).await);
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_an_equal_one_kept() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let again = w.again(keys(&[1])).await.unwrap();
        assert!(again.read(move |tx| users::by_id(tx, mia.user)).await.unwrap().is_some());
        w.sql("INSERT INTO schema_versions (version, applied_at) VALUES (99, 0)");
        let error = w.again(keys(&[1])).await.err().unwrap();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn nodes_that_start_together_bring_the_schema_up_once() {
    on_both(async |w| {
        let (a, b, c) = tokio::join!(w.again(keys(&[1])), w.again(keys(&[1])), w.again(keys(&[1])));
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        // Every version once: as many rows as the newest one says.
        assert_eq!(w.sql("SELECT count(*) - max(version) FROM schema_versions"), "0");
    })
    .await;
}

#[tokio::test]
async fn the_sqlite_file_is_private_and_keeps_everything() {
    let w = World::sqlite().await;
    let mia = w.person("mia@example.com").await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", w.file().display());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
    let w = w.reopened().await;
    let (user, record) = w
        .read(move |tx| {
            let user = users::by_email(tx, &address("mia@example.com"))?;
            Ok((user, sessions::by_handle(tx, &mia.handle)?))
        })
        .await;
    assert_eq!(user.unwrap().id, mia.user);
    assert_eq!(record.unwrap().id, mia.own.id());
}

#[tokio::test]
async fn a_file_that_cannot_be_made_and_a_server_that_is_not_there_are_told() {
    let entropy = World::sqlite().await.entropy;
    let nowhere = Path::new("/nonexistent/countersign.db");
    let file = Store::open_sqlite(nowhere, keys(&[1]), entropy.clone(), &Noon).await;
    assert!(matches!(file.err().unwrap(), StoreError::Away(text) if text.contains("/nonexistent/")));
    let url = "postgres://nobody@127.0.0.1:1/none";
    let server = Store::open_postgres(url, 1, keys(&[1]), entropy, &Noon).await;
    assert!(matches!(server.err().unwrap(), StoreError::Away(_)));
}

#[tokio::test]
async fn connections_that_the_server_cut_are_replaced() {
    let w = World::postgres().await;
    let id = UserId::generate(NOW, &*w.entropy);
    w.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign' \
        AND datname = current_database()",
    );
    // At most one request finds out.
    let first = w.store.read(move |tx| users::by_id(tx, id)).await;
    assert!(matches!(first, Ok(None) | Err(StoreError::Away(_))));
    assert!(w.read(move |tx| users::by_id(tx, id)).await.is_none());
}
