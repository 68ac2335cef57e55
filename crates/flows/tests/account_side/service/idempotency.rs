//! The same request, sent twice.

use super::Crm;
use crate::world::{MINUTE, on_both};
use countersign_flows::service::idempotency::{self, Begun};

const REQUEST: [u8; 32] = [1; 32];

/// What is known about a key, in a word; a slot is dropped like one whose node has died.
fn word(begun: &Begun) -> String {
    match begun {
        Begun::Fresh(_) => "fresh".into(),
        Begun::InProgress => "in progress".into(),
        Begun::OtherRequest => "other request".into(),
        Begun::Replay { status, body } => format!("{status} {}", String::from_utf8_lossy(body)),
    }
}

#[tokio::test]
async fn it_happens_once_and_is_answered_the_same() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        let begin = async |crm: &Crm<'_>, key: &str, request: [u8; 32]| {
            idempotency::begin(&world.s, &crm.caller, key, &request).await.unwrap()
        };
        let Begun::Fresh(slot) = begin(&crm, "k", REQUEST).await else { panic!("not fresh") };
        assert_eq!(word(&begin(&crm, "k", REQUEST).await), "in progress");
        assert_eq!(word(&begin(&crm, "k", [2; 32]).await), "other request");
        assert_eq!(
            word(&begin(&shop, "k", REQUEST).await),
            "fresh",
            "another application's keys are its own"
        );
        idempotency::finish(&world.s, slot, 201, b"{\"secret\":1}").await.unwrap();
        assert_eq!(word(&begin(&crm, "k", REQUEST).await), "201 {\"secret\":1}");
        assert_eq!(word(&begin(&crm, "k", [2; 32]).await), "other request");
        world.advance(60 * MINUTE);
        assert_eq!(word(&begin(&crm, "k", REQUEST).await), "fresh", "an hour later it is forgotten");
    })
    .await;
}

#[tokio::test]
async fn what_came_to_nothing_may_be_tried_again_and_what_died_is_taken_over() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        let begin =
            async |request: [u8; 32]| idempotency::begin(&world.s, &crm.caller, "k", &request).await.unwrap();
        let Begun::Fresh(slot) = begin(REQUEST).await else { panic!("not fresh") };
        idempotency::abandon(&world.s, slot).await.unwrap();
        let Begun::Fresh(died) = begin([2; 32]).await else { panic!("not fresh") };
        world.advance(MINUTE - MINUTE / 60);
        assert_eq!(word(&begin([2; 32]).await), "in progress");
        world.advance(MINUTE / 60);
        assert_eq!(word(&begin(REQUEST).await), "other request", "not by another request");
        let Begun::Fresh(slot) = begin([2; 32]).await else { panic!("not taken over") };
        assert_eq!(word(&begin([2; 32]).await), "in progress");
        idempotency::finish(&world.s, slot, 200, b"the second").await.unwrap();
        // The first one was not dead after all: what has been answered stays answered.
        idempotency::finish(&world.s, died, 200, b"the first").await.unwrap();
        assert_eq!(word(&begin([2; 32]).await), "200 the second");
    })
    .await;
}
