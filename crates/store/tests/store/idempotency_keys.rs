//! Responses to requests that an application may send again.

use crate::{
    application_users::application,
    harness::{MINUTE, NOW, World, later, on_both},
    throttles::SECOND_STEP,
};
use countersign_core::{Timestamp, ids::ApplicationId, secret::StoredHandle};
use countersign_store::{
    StoreError, Tx,
    idempotency_keys::{self as table, KEPT, Known},
    throttles,
};

const REQUEST: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

/// What is known about a key, in a word.
async fn known(
    w: &World,
    application: ApplicationId,
    key: StoredHandle,
    request: [u8; 32],
    at: Timestamp,
) -> String {
    match w.read(move |tx| table::get(tx, application, &key, &request, at)).await {
        None => "nothing".into(),
        Some(Known::OtherRequest) => "other request".into(),
        Some(Known::Answered { status, body }) => format!("{status} {}", String::from_utf8_lossy(&body)),
    }
}

/// Stores an answer together with an effect; `false` where there was one already, and the effect is undone.
async fn put(
    w: &World,
    application: ApplicationId,
    key: StoredHandle,
    at: Timestamp,
    body: &'static str,
) -> bool {
    let written = w.store.write(effect(application, key, at, body)).await;
    assert!(matches!(written, Ok(()) | Err(StoreError::Repeated)), "{written:?}");
    written.is_ok()
}

/// Any write will do for an effect: here, one charge of a counter.
fn effect(
    application: ApplicationId,
    key: StoredHandle,
    at: Timestamp,
    body: &'static str,
) -> impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static {
    move |tx| {
        assert!(throttles::charge(tx, "an effect", at, &SECOND_STEP)?.is_ok());
        table::put(tx, application, &key, &REQUEST, 201, body.as_bytes(), at)
    }
}

fn effects(w: &World) -> String {
    w.sql("SELECT failures FROM throttles WHERE key = 'an effect'")
}

#[tokio::test]
async fn an_effect_happens_once_and_its_answer_is_kept_for_an_hour() {
    on_both(async |w| {
        let (crm, shop, key) = (application(&w).await, application(&w).await, w.handle());
        assert_eq!(known(&w, crm, key, REQUEST, NOW).await, "nothing");
        assert!(put(&w, crm, key, NOW, "the answer").await);
        assert!(!put(&w, crm, key, later(KEPT - MINUTE), "another answer").await);
        assert_eq!(effects(&w), "1");
        assert_eq!(known(&w, crm, key, REQUEST, NOW).await, "201 the answer");
        assert_eq!(known(&w, crm, key, OTHER, NOW).await, "other request");
        assert_eq!(known(&w, shop, key, REQUEST, NOW).await, "nothing", "keys are an application's own");
        assert!(put(&w, shop, key, NOW, "the shop's").await);

        assert_eq!(known(&w, crm, key, REQUEST, later(KEPT - MINUTE)).await, "201 the answer");
        assert_eq!(known(&w, crm, key, OTHER, later(KEPT)).await, "nothing");
        assert!(put(&w, crm, key, later(KEPT), "an hour later").await);
        assert_eq!(known(&w, crm, key, REQUEST, later(KEPT)).await, "201 an hour later");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_effects_one_happens() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        let all: Vec<_> = (0..200)
            .map(|_| {
                let store = w.store.clone();
                tokio::spawn(async move { store.write(effect(crm, key, NOW, "the answer")).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for one in all {
            won += usize::from(one.await.unwrap());
        }
        assert_eq!((won, effects(&w).as_str()), (1, "1"));
    })
    .await;
}

#[tokio::test]
async fn a_request_that_an_earlier_version_began_may_be_sent_again() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        assert!(put(&w, crm, key, NOW, "the answer").await);
        w.sql("UPDATE idempotency_keys SET status = NULL, key_id = NULL, answer = NULL");
        assert_eq!(known(&w, crm, key, REQUEST, NOW).await, "nothing");
        assert!(put(&w, crm, key, later(MINUTE), "the second").await);
        assert_eq!(known(&w, crm, key, REQUEST, later(MINUTE)).await, "201 the second");
    })
    .await;
}

#[tokio::test]
async fn an_answer_lies_sealed_and_opens_at_its_own_row_alone() {
    on_both(async |w| {
        let (crm, key, other) = (application(&w).await, w.handle(), w.handle());
        assert!(put(&w, crm, key, NOW, "ten backup codes").await);
        let stolen = w.stolen();
        assert!(!stolen.windows(16).any(|bytes| bytes == b"ten backup codes"));
        assert!(put(&w, crm, other, NOW, "nothing").await);
        w.sql("UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys ORDER BY answer LIMIT 1)");
        let read = async |key| {
            w.store.read(move |tx: &mut Tx<'_>| table::get(tx, crm, &key, &REQUEST, NOW)).await.is_ok()
        };
        assert!(read(key).await != read(other).await, "one of them has the other's answer now");
    })
    .await;
}
