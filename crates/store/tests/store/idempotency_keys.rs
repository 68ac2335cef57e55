//! Answers to requests that an application may send again.

use crate::{
    application_users::application,
    harness::{MINUTE, NOW, World, later, on_both},
};
use countersign_core::{Timestamp, ids::ApplicationId, secret::StoredHandle};
use countersign_store::{
    Tx,
    idempotency_keys::{self as table, Begun, KEPT},
};

const REQUEST: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

/// What is known about a key, in a word.
async fn begin(
    w: &World,
    application: ApplicationId,
    key: StoredHandle,
    request: [u8; 32],
    at: Timestamp,
) -> String {
    match w.write(move |tx| table::begin(tx, application, &key, &request, at)).await {
        Begun::Fresh => "fresh".into(),
        Begun::InProgress => "in progress".into(),
        Begun::OtherRequest => "other request".into(),
        Begun::Answered { status, body } => format!("{status} {}", String::from_utf8_lossy(&body)),
    }
}

async fn finish(w: &World, application: ApplicationId, key: StoredHandle, body: &'static str) {
    w.write(move |tx| table::finish(tx, application, &key, NOW, 201, body.as_bytes())).await;
}

#[tokio::test]
async fn a_request_is_answered_once_and_the_answer_kept_for_an_hour() {
    on_both(async |w| {
        let (crm, shop, key) = (application(&w).await, application(&w).await, w.handle());
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "fresh");
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "in progress");
        assert_eq!(begin(&w, crm, key, OTHER, NOW).await, "other request");
        assert_eq!(begin(&w, shop, key, REQUEST, NOW).await, "fresh", "keys are an application's own");
        finish(&w, crm, key, "the answer").await;
        finish(&w, crm, key, "another answer").await;
        let just_before = later(KEPT - MINUTE);
        assert_eq!(begin(&w, crm, key, REQUEST, just_before).await, "201 the answer");
        assert_eq!(begin(&w, crm, key, OTHER, just_before).await, "other request");
        assert_eq!(begin(&w, crm, key, OTHER, later(KEPT)).await, "fresh");
    })
    .await;
}

#[tokio::test]
async fn an_abandoned_request_is_forgotten_and_an_answered_one_is_not() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        let abandon = || w.write(move |tx| table::abandon(tx, crm, &key, NOW));
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "fresh");
        abandon().await;
        assert_eq!(begin(&w, crm, key, OTHER, NOW).await, "fresh");
        finish(&w, crm, key, "the answer").await;
        abandon().await;
        assert_eq!(begin(&w, crm, key, OTHER, NOW).await, "201 the answer");
    })
    .await;
}

#[tokio::test]
async fn a_request_whose_node_has_died_is_taken_over_by_the_same_request() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "fresh");
        assert_eq!(begin(&w, crm, key, REQUEST, later(MINUTE - MINUTE / 60)).await, "in progress");
        assert_eq!(begin(&w, crm, key, OTHER, later(MINUTE)).await, "other request");
        assert_eq!(begin(&w, crm, key, REQUEST, later(MINUTE)).await, "fresh");
        assert_eq!(begin(&w, crm, key, REQUEST, later(MINUTE)).await, "in progress");
    })
    .await;
}

#[tokio::test]
async fn an_answer_lies_sealed_and_opens_at_its_own_row_alone() {
    on_both(async |w| {
        let (crm, key, other) = (application(&w).await, w.handle(), w.handle());
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "fresh");
        finish(&w, crm, key, "ten backup codes").await;
        let stolen = w.stolen();
        assert!(!stolen.windows(16).any(|bytes| bytes == b"ten backup codes"));
        assert_eq!(begin(&w, crm, other, REQUEST, NOW).await, "fresh");
        finish(&w, crm, other, "nothing").await;
        w.sql("UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys ORDER BY answer LIMIT 1)");
        let read = async |key| {
            w.store.write(move |tx: &mut Tx<'_>| table::begin(tx, crm, &key, &REQUEST, NOW)).await.is_ok()
        };
        assert!(read(key).await != read(other).await, "one of them has the other's answer now");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_one_begins_and_one_takes_over() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        for at in [NOW, later(MINUTE)] {
            let begin =
                move |tx: &mut Tx<'_>| Ok(matches!(table::begin(tx, crm, &key, &REQUEST, at)?, Begun::Fresh));
            assert_eq!(w.burst(|| begin).await.into_iter().filter(|won| *won).count(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_given_up_neither_answers_nor_frees_what_another_node_took_over() {
    on_both(async |w| {
        let (crm, key) = (application(&w).await, w.handle());
        assert_eq!(begin(&w, crm, key, REQUEST, NOW).await, "fresh");
        let taken_over = later(MINUTE);
        assert_eq!(begin(&w, crm, key, REQUEST, taken_over).await, "fresh");
        finish(&w, crm, key, "too late").await;
        w.write(move |tx| table::abandon(tx, crm, &key, NOW)).await;
        assert_eq!(begin(&w, crm, key, REQUEST, later(MINUTE)).await, "in progress");
        w.write(move |tx| table::finish(tx, crm, &key, taken_over, 201, b"in time")).await;
        assert_eq!(begin(&w, crm, key, REQUEST, taken_over).await, "201 in time");
    })
    .await;
}
