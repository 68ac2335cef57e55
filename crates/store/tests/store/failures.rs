//! Wrong codes in a row against one authenticator.

use crate::harness::{MINUTE, NOW, later, on_both};
use countersign_core::second_step::Method;
use countersign_store::{Tx, failures};

#[tokio::test(flavor = "multi_thread")]
async fn the_failure_at_the_limit_disables_and_is_told_once() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let user = mia.user;
        let record = move |tx: &mut Tx<'_>| failures::record(tx, user, Method::App, "an app", 100, NOW);
        for _ in 0..99 {
            assert!(!w.write(record).await);
        }
        assert!(w.read(move |tx| failures::disabled(tx, user)).await.is_empty());
        let told = w.burst(|| record).await;
        assert_eq!(told.into_iter().filter(|disabled| *disabled).count(), 1);
        assert_eq!(w.sql("SELECT failures FROM failures"), "299");
        let disabled = w.read(move |tx| failures::disabled(tx, user)).await;
        assert_eq!(disabled, [(Method::App, "an app".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_lower_limit_disables_at_the_next_failure_and_a_limit_of_one_at_the_first() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        let record = |name: &'static str, limit| {
            w.write(move |tx| failures::record(tx, user, Method::Email, name, limit, NOW))
        };
        for _ in 0..5 {
            assert!(!record("a", 100).await);
        }
        assert!(record("a", 3).await);
        assert!(record("b", 1).await);
        assert!(!record("b", 1).await);
    })
    .await;
}

#[tokio::test]
async fn a_row_is_cleared_by_itself_or_with_its_kind() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        w.write(move |tx| {
            for (n, (method, name)) in
                [(Method::App, "a"), (Method::App, "b"), (Method::Sms, "a"), (Method::Sms, "b")]
                    .iter()
                    .enumerate()
            {
                let at = later(MINUTE * u32::try_from(n).unwrap());
                failures::record(tx, user, *method, name, 1, at)?;
            }
            Ok(())
        })
        .await;
        w.write(move |tx| failures::clear(tx, user, Method::App, "a")).await;
        let left = || w.read(move |tx| failures::disabled(tx, user));
        let names = [(Method::App, "b"), (Method::Sms, "a"), (Method::Sms, "b")];
        assert_eq!(left().await, names.map(|(method, name)| (method, name.to_owned())));
        w.write(move |tx| failures::clear_method(tx, user, Method::Sms)).await;
        assert_eq!(left().await, [(Method::App, "b".to_owned())]);
    })
    .await;
}
