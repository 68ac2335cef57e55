//! What runs once a transaction is committed.

use crate::harness::{NOW, on_both};
use countersign_store::{StoreError, StoreResult, Tx, readiness};
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_commit_runs_after_it_and_never_after_a_rollback() {
    on_both(async |w| {
        let ran: Arc<Mutex<Vec<&str>>> = Arc::default();
        let noting = |what: &'static str| {
            let ran = Arc::clone(&ran);
            move |tx: &mut Tx<'_>| tx.after_commit(move || ran.lock().unwrap().push(what))
        };
        let (first, second) = (noting("first"), noting("second"));
        let committed = move |tx: &mut Tx<'_>| {
            first(tx);
            readiness::write(tx, NOW)?;
            second(tx);
            Ok(())
        };
        w.store.write(committed).await.unwrap();
        let lost = noting("lost");
        let refused = move |tx: &mut Tx<'_>| -> StoreResult<()> {
            lost(tx);
            Err(StoreError::Refused("no".into()))
        };
        assert!(w.store.write(refused).await.is_err());
        let panicked = noting("panicked");
        let panics = move |tx: &mut Tx<'_>| -> StoreResult<()> {
            panicked(tx);
            panic!("a defect")
        };
        assert!(w.store.write(panics).await.is_err());
        assert_eq!(*ran.lock().unwrap(), ["first", "second"]);
    })
    .await;
}
