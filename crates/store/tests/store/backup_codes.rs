//! Backup codes.

use crate::harness::{MINUTE, NOW, Person, World, later, on_both};
use countersign_core::{
    ids::{BackupCodeId, BackupCodeSetId},
    second_step::Method,
};
use countersign_store::{
    Tx,
    backup_codes::{self, NewCode},
    failures, sessions,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// Ten codes, the n-th of which has the selector `{prefix}n` and a hash of thirty-two times n.
pub(crate) fn ten(w: &World, prefix: &str) -> Vec<NewCode> {
    (0..10)
        .map(|n| NewCode {
            id: BackupCodeId::generate(NOW, &*w.entropy),
            selector: format!("{prefix}{n}"),
            salt: [n + 100; 16],
            hash: Zeroizing::new([n; 32]),
        })
        .collect()
}

pub(crate) async fn replace(w: &World, person: &Person, prefix: &str) -> BackupCodeSetId {
    let set = BackupCodeSetId::generate(NOW, &*w.entropy);
    let (codes, authority) = (ten(w, prefix), person.authority());
    w.write(move |tx| backup_codes::replace(tx, &authority, set, &codes, NOW)).await;
    set
}

#[tokio::test]
async fn a_code_is_found_checked_and_spent_once() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let set = replace(&w, &mia, "A").await;
        replace(&w, &ole, "A").await;
        let find =
            |user, selector: &'static str| w.read(move |tx| backup_codes::by_selector(tx, user, selector));
        assert!(find(mia.user, "B3").await.is_none());
        let code = find(mia.user, "A3").await.unwrap();
        assert_eq!((code.set, code.user, code.used), (set, mia.user, false));
        assert_eq!(code.salt, [103; 16]);

        let matches = |stored: &backup_codes::Stored, n: u8| {
            let stored = stored.clone();
            w.read(move |tx| backup_codes::matches(tx, &stored, &[n; 32]))
        };
        assert!(matches(&code, 3).await);
        assert!(!matches(&code, 4).await);

        let id = code.id;
        let claim = |user| w.write(move |tx| backup_codes::claim(tx, user, id, later(MINUTE)));
        assert!(claim(ole.user).await.is_none(), "somebody else's code");
        let evidence = claim(mia.user).await.unwrap();
        assert_eq!((evidence.user(), evidence.method()), (mia.user, Method::BackupCode));
        assert!(claim(mia.user).await.is_none());
        assert!(find(mia.user, "A3").await.unwrap().used);
        let left = |user| w.read(move |tx| backup_codes::left(tx, user));
        assert_eq!((left(mia.user).await, left(ole.user).await), (Some(9), Some(10)));
    })
    .await;
}

#[tokio::test]
async fn a_verifier_vouches_for_its_own_row_only() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        replace(&w, &mia, "A").await;
        w.sql(
            "UPDATE backup_codes SET verifier = \
             (SELECT other.verifier FROM backup_codes AS other WHERE other.selector = 'A1') WHERE selector = 'A2'",
        );
        let moved = w.read(move |tx| backup_codes::by_selector(tx, mia.user, "A2")).await.unwrap();
        assert!(!w.read(move |tx| backup_codes::matches(tx, &moved, &[1; 32])).await);
    })
    .await;
}

#[tokio::test]
async fn a_new_set_makes_every_older_code_worthless() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let user = mia.user;
        assert_eq!(w.read(move |tx| backup_codes::left(tx, user)).await, None);
        assert_eq!(w.read(move |tx| backup_codes::set_of(tx, user)).await, None);
        let first = replace(&w, &mia, "A").await;
        let old = w.read(move |tx| backup_codes::by_selector(tx, user, "A0")).await.unwrap();
        w.write(move |tx| failures::record(tx, user, Method::BackupCode, &first.to_string(), 1, NOW)).await;
        let second = replace(&w, &mia, "B").await;
        assert_eq!(w.read(move |tx| backup_codes::set_of(tx, user)).await, Some(second));
        assert!(w.write(move |tx| backup_codes::claim(tx, user, old.id, NOW)).await.is_none());
        assert_eq!((w.rows_in("backup_codes"), w.rows_in("failures")), (10, 0));

        let authority = mia.authority();
        w.write(move |tx| backup_codes::remove_all(tx, &authority)).await;
        assert_eq!(w.read(move |tx| backup_codes::left(tx, user)).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_at_once_leave_one_set() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        w.burst(|| {
            let set = BackupCodeSetId::generate(NOW, &*w.entropy);
            let (codes, authority) = (ten(&w, &format!("{set}-")), mia.authority());
            move |tx: &mut Tx<'_>| backup_codes::replace(tx, &authority, set, &codes, NOW)
        })
        .await;
        assert_eq!(w.sql("SELECT count(*), count(DISTINCT set_id) FROM backup_codes"), "10|1");
    })
    .await;
}

#[tokio::test]
async fn new_codes_are_shown_for_their_time_to_the_session_that_generated_them() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let elsewhere = w.sign_in(mia.user).await;
        let codes = || vec!["ABCD-EFGH".to_owned(), "JKMN-PQRS".to_owned()];
        let put = || {
            let authority = mia.authority();
            w.write(move |tx| backup_codes::put_reveal(tx, &authority, &codes(), later(MINUTE)))
        };
        let see = async |session, user, at| {
            let until = w.read(move |tx| backup_codes::revealed_until(tx, session, user, at)).await;
            let reveal = w.read(move |tx| backup_codes::reveal(tx, session, user, at)).await;
            assert_eq!(until, reveal.as_ref().map(|reveal| reveal.expires_at));
            reveal.map(|reveal| reveal.codes)
        };
        put().await;
        put().await;
        let last = later(MINUTE).minus(Duration::from_millis(1));
        for at in [NOW, NOW, last] {
            assert_eq!(see(mia.own.id(), mia.user, at).await, Some(codes()));
        }
        assert_eq!(see(mia.own.id(), ole.user, NOW).await, None);
        assert_eq!(see(ole.own.id(), mia.user, NOW).await, None);
        assert_eq!(see(elsewhere.own.id(), mia.user, NOW).await, None, "another session of the same account");
        assert_eq!(see(mia.own.id(), mia.user, later(MINUTE)).await, None, "too late");
        replace(&w, &mia, "A").await;
        assert_eq!(w.rows_in("backup_code_reveals"), 0, "a new set leaves no copy of the old one");

        put().await;
        let authority = mia.authority();
        w.write(move |tx| backup_codes::remove_all(tx, &authority)).await;
        assert_eq!(w.rows_in("backup_code_reveals"), 0, "nor does the end of all codes");
        put().await;
        let session = mia.own.id();
        w.write(move |tx| sessions::end(tx, session)).await;
        assert_eq!(w.rows_in("backup_code_reveals"), 0, "nor the end of the session");
    })
    .await;
}

#[tokio::test]
async fn an_application_takes_new_codes_once() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let put = || {
            let authority = mia.authority();
            w.write(move |tx| backup_codes::put_reveal(tx, &authority, &["A-B".into()], later(MINUTE)))
        };
        let take = |at| {
            let (session, user) = (mia.own.id(), mia.user);
            w.write(move |tx| backup_codes::take_reveal(tx, session, user, at))
        };
        put().await;
        assert_eq!(take(NOW).await.unwrap().codes, ["A-B"]);
        assert_eq!(take(NOW).await, None);
        put().await;
        assert_eq!(take(later(MINUTE)).await, None, "too late");
        assert_eq!(w.rows_in("backup_code_reveals"), 0, "and gone");
    })
    .await;
}

#[tokio::test]
async fn saved_is_said_of_one_set_and_shown_by_a_use() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let saved = |user| w.read(move |tx| backup_codes::status(tx, user));
        let mark = |user, set| w.write(move |tx| backup_codes::mark_saved(tx, user, set, NOW));
        let first = replace(&w, &mia, "A").await;
        let status = saved(mia.user).await.unwrap();
        assert_eq!((status.set, status.created_at, status.left, status.saved), (first, NOW, 10, false));
        assert!(!mark(ole.user, first).await && !saved(mia.user).await.unwrap().saved);
        assert!(mark(mia.user, first).await && mark(mia.user, first).await);
        assert!(saved(mia.user).await.unwrap().saved);
        let second = replace(&w, &mia, "B").await;
        assert!(!mark(mia.user, first).await, "replaced");
        assert!(!saved(mia.user).await.unwrap().saved);
        let code = w.read(move |tx| backup_codes::by_selector(tx, mia.user, "B0")).await.unwrap();
        assert!(w.write(move |tx| backup_codes::claim(tx, mia.user, code.id, NOW)).await.is_some());
        let status = saved(mia.user).await.unwrap();
        assert_eq!((status.set, status.left, status.saved), (second, 9, true));
        assert_eq!(saved(ole.user).await, None);
    })
    .await;
}
