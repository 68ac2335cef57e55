//! Messages on their way.

use crate::harness::{MINUTE, NOW, World, address, keys, later, on_both};
use countersign_core::{
    Timestamp,
    ids::MessageId,
    message::{Channel, Content, Message, Recipient},
};
use countersign_store::{
    Tx,
    outbox::{self, Queued},
};
use std::collections::HashSet;

pub(crate) fn message(code: &str) -> Message {
    let content = Content::SignInCode { code: code.into(), minutes: 10 };
    Message { name: "Mia Lund".into(), application: None, at_millis: NOW.millis(), origin: None, content }
}

async fn push(w: &World, to: Recipient, code: &'static str, at: Timestamp) -> MessageId {
    w.write(move |tx| outbox::push(tx, &to, &message(code), at)).await
}

async fn lease(w: &World, at: Timestamp, limit: u32) -> Vec<Queued> {
    w.write(move |tx| outbox::lease(tx, None, at, limit, MINUTE)).await
}

fn code(queued: &Queued) -> &str {
    match &queued.message.content {
        Content::SignInCode { code, .. } => code,
        _ => panic!("another message"),
    }
}

fn email() -> Recipient {
    Recipient::Email(address("mia@example.com"))
}

#[tokio::test]
async fn what_is_due_is_leased_the_oldest_first_and_again_when_the_lease_runs_out() {
    on_both(async |w| {
        push(&w, email(), "222222", later(MINUTE)).await;
        push(&w, Recipient::Phone("+4591234567".into()), "111111", NOW).await;
        push(&w, email(), "333333", later(2 * MINUTE)).await;
        assert_eq!(w.read(outbox::waiting).await, 3);
        let first = lease(&w, later(MINUTE), 10).await;
        assert_eq!(first.iter().map(code).collect::<Vec<_>>(), ["111111", "222222"]);
        assert_eq!((first[0].channel, first[0].recipient.as_str()), (Channel::Sms, "+4591234567"));
        assert_eq!((first[1].channel, first[1].recipient.as_str()), (Channel::Email, "mia@example.com"));
        assert_eq!(first[0].attempts, 1);
        assert!(lease(&w, later(MINUTE), 10).await.is_empty());

        let again = lease(&w, later(2 * MINUTE), 2).await;
        assert_eq!(again.iter().map(code).collect::<Vec<_>>(), ["111111", "222222"]);
        assert_eq!(again[0].attempts, 2);
        assert_eq!(lease(&w, later(2 * MINUTE), 10).await.iter().map(code).collect::<Vec<_>>(), ["333333"]);
    })
    .await;
}

#[tokio::test]
async fn a_finished_message_says_nothing_more() {
    on_both(async |w| {
        let (sent, hopeless) =
            (push(&w, email(), "111111", NOW).await, push(&w, email(), "222222", NOW).await);
        let later_on = push(&w, email(), "333333", NOW).await;
        assert_eq!(lease(&w, NOW, 10).await.len(), 3);
        w.write(move |tx| {
            outbox::delivered(tx, sent, later(MINUTE))?;
            outbox::give_up(tx, hopeless, "no such mailbox", later(MINUTE))?;
            outbox::retry(tx, later_on, later(5 * MINUTE), "busy")
        })
        .await;
        assert_eq!(w.read(outbox::waiting).await, 1);
        assert_eq!(w.sql("SELECT count(*) FROM outbox WHERE length(content) > 0"), "1");
        assert_eq!(
            w.sql("SELECT last_error FROM outbox WHERE last_error IS NOT NULL ORDER BY last_error"),
            "busy\nno such mailbox"
        );
        assert!(lease(&w, later(4 * MINUTE), 10).await.is_empty());
        assert_eq!(lease(&w, later(5 * MINUTE), 10).await[0].id, later_on);

        // Whoever answers late, after another has finished it, changes nothing.
        w.write(move |tx| outbox::retry(tx, sent, NOW, "late")).await;
        assert_eq!(w.read(outbox::waiting).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_lease_takes_one_channel_and_an_attempt_without_an_answer_does_not_count() {
    on_both(async |w| {
        push(&w, Recipient::Phone("+4591234567".into()), "111111", NOW).await;
        let waits = push(&w, email(), "222222", NOW).await;
        let other = push(&w, email(), "333333", later(MINUTE)).await;
        let one = |at| w.write(move |tx| outbox::lease(tx, Some(Channel::Email), at, 1, MINUTE));
        assert_eq!(one(NOW).await[0].id, waits);
        w.write(move |tx| outbox::postpone(tx, waits, later(MINUTE), "no answer")).await;
        // Both are due: the one that was not tried yet has waited longer.
        assert_eq!(one(later(2 * MINUTE)).await[0].id, waits);
        w.write(move |tx| outbox::postpone(tx, waits, later(3 * MINUTE), "no answer")).await;
        assert_eq!(one(later(4 * MINUTE)).await[0].id, other);
        let again = one(later(4 * MINUTE)).await;
        assert_eq!((again[0].id, again[0].attempts), (waits, 1));
        assert!(one(later(4 * MINUTE)).await.is_empty(), "the text message is for another lease");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_couriers_never_get_the_same_message() {
    on_both(async |w| {
        w.write(|tx| {
            for _ in 0..300 {
                outbox::push(tx, &email(), &message("111111"), NOW)?;
            }
            Ok(())
        })
        .await;
        let leased = w.burst(|| |tx: &mut Tx<'_>| outbox::lease(tx, None, NOW, 5, MINUTE)).await;
        let ids: Vec<_> = leased.iter().flatten().map(|queued| queued.id).collect();
        assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len());
        // On PostgreSQL, couriers that aim at the same rows come away with fewer; what they left is still due.
        let rest = lease(&w, NOW, 1000).await.len();
        assert_eq!(ids.len() + rest, 300);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_opened_does_not_hold_up_the_others() {
    on_both(async |w| {
        push(&w, email(), "111111", NOW).await;
        // The key was replaced, and the old one taken out of the file too soon.
        w.again(keys(&[2, 1])).await.unwrap();
        let other = w.again(keys(&[2])).await.unwrap();
        other.write(|tx| outbox::push(tx, &email(), &message("222222"), NOW)).await.unwrap();
        let leased = other.write(|tx| outbox::lease(tx, None, NOW, 10, MINUTE)).await.unwrap();
        assert_eq!(leased.iter().map(code).collect::<Vec<_>>(), ["222222"]);
        assert_eq!(w.read(outbox::waiting).await, 1);
        assert_eq!(w.sql("SELECT count(*) FROM outbox WHERE last_error LIKE '%key file%'"), "1");
    })
    .await;
}
