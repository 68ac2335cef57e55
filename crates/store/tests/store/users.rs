//! Accounts.

use crate::harness::{HOUR, NOW, address, later, on_both, verified};
use countersign_core::{
    authority::{OperatorAuthority, RecoveryAuthority},
    second_step::{Evidence, Method, SecondSteps},
    session::ProvenAgain,
};
use countersign_store::{Tx, users};
use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

#[tokio::test]
async fn an_account_is_found_by_its_address_and_its_id() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let by_email = |email: &'static str| w.read(move |tx| users::by_email(tx, &address(email)));
        let found = by_email("MIA@example.com").await.unwrap();
        assert_eq!((found.id, found.name.as_str(), found.active), (mia.user, "Mia Lund", true));
        assert_eq!(found.password_hash.as_deref(), Some("an Argon2id hash"));
        assert!(by_email("nobody@example.com").await.is_none());
        assert_eq!(w.user(mia.user).await.email, address("mia@example.com"));

        let taken = w.new_user("mia@example.com");
        let operator = OperatorAuthority::at_the_console();
        assert!(!w.write(move |tx| users::create(tx, &operator, &taken, NOW)).await);
        w.sql("UPDATE users SET disabled_at = 1");
        assert!(!w.user(mia.user).await.active);
    })
    .await;
}

#[tokio::test]
async fn a_password_is_set_by_its_holder_or_by_a_spent_link() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let authority = mia.authority();
        w.write(move |tx| users::set_password(tx, &authority, "second", later(HOUR))).await;
        assert_eq!(w.user(mia.user).await.password_hash.as_deref(), Some("second"));
        let changed = w.sql("SELECT password_changed_at FROM users ORDER BY email");
        assert_eq!(changed, format!("{}\n{}", later(HOUR).millis(), NOW.millis()));

        let recovery = RecoveryAuthority::of_spent_link(mia.user);
        w.write(move |tx| users::set_password_by_recovery(tx, &recovery, "third", NOW)).await;
        assert_eq!(w.user(mia.user).await.password_hash.as_deref(), Some("third"));
        assert_eq!(w.user(ole.user).await.password_hash.as_deref(), Some("an Argon2id hash"));
    })
    .await;
}

/// Only something other than the mailbox ends it: not the next password, which someone with the mailbox can set as well.
#[tokio::test]
async fn a_password_that_a_link_set_is_known_as_such_until_something_else_vouches() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let by_link = async || w.user(mia.user).await.password_by_link_at.is_some();
        let reset = async || {
            let recovery = RecoveryAuthority::of_spent_link(mia.user);
            w.write(move |tx| users::set_password_by_recovery(tx, &recovery, "new", NOW)).await;
        };
        // An account's first password replaces none.
        w.sql("UPDATE users SET password_hash = NULL");
        reset().await;
        assert!(!by_link().await);
        reset().await;
        assert!(by_link().await);
        let authority = mia.authority();
        w.write(move |tx| users::set_password(tx, &authority, "newer", NOW)).await;
        assert!(by_link().await, "a change in a session that the link began");
        for (method, expected) in [
            (None, true),
            (Some(Method::Email), true),
            (Some(Method::Sms), false),
            (Some(Method::App), false),
            (Some(Method::BackupCode), false),
        ] {
            let code = method.map(|method| Evidence::of_claim(mia.user, method));
            let none = SecondSteps::default();
            let again = ProvenAgain::by(&mia.own, &verified(mia.user), code.as_ref(), &none, &[]).unwrap();
            reset().await;
            w.write(move |tx| users::vouched_for_again(tx, &again)).await;
            assert_eq!(by_link().await, expected, "{method:?}");
        }
        reset().await;
        let authority = mia.authority();
        w.write(move |tx| users::forget_reset_link(tx, &authority)).await;
        assert!(!by_link().await);
    })
    .await;
}

#[tokio::test]
async fn a_rehash_does_not_bring_an_old_password_back() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let rehash = |old: &'static str, new: &'static str| {
            w.write(move |tx| users::rehash(tx, &verified(mia.user), old, new))
        };
        assert!(rehash("an Argon2id hash", "the same, stronger").await);
        assert!(!rehash("an Argon2id hash", "late").await);
        assert_eq!(w.user(mia.user).await.password_hash.as_deref(), Some("the same, stronger"));
    })
    .await;
}

#[tokio::test]
async fn an_address_belongs_to_one_account() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let set = |authority, email: &'static str| {
            w.write(move |tx| users::set_email(tx, &authority, &address(email)))
        };
        assert!(!set(mia.authority(), "ole@example.com").await);
        assert!(set(mia.authority(), "mia@example.com").await, "one's own is not taken");
        assert!(set(mia.authority(), "lund@example.com").await);
        assert!(set(ole.authority(), "mia@example.com").await, "and the old one is free");
        assert_eq!(w.user(mia.user).await.email, address("lund@example.com"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_an_address_and_the_others_are_told() {
    on_both(async |w| {
        let mut people = Vec::new();
        for n in 0..10 {
            people.push(w.person(&format!("p{n}@example.com")).await);
        }
        let next = AtomicUsize::new(0);
        let answers = w
            .burst(|| {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let (authority, new) = (people[n % 10].authority(), w.new_user("wanted@example.com"));
                move |tx: &mut Tx<'_>| {
                    let (user, won) = if n.is_multiple_of(3) {
                        (new.id, users::create(tx, &OperatorAuthority::at_the_console(), &new, NOW)?)
                    } else {
                        (authority.user(), users::set_email(tx, &authority, &address("wanted@example.com"))?)
                    };
                    if won {
                        // Long enough for the others to come by while this one is not yet committed.
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    Ok(won.then_some(user))
                }
            })
            .await;
        // Whoever has it may set it again: so count the accounts.
        assert_eq!(answers.into_iter().flatten().collect::<HashSet<_>>().len(), 1);
        assert_eq!(w.sql("SELECT count(*) FROM users WHERE email = 'wanted@example.com'"), "1");
    })
    .await;
}

#[tokio::test]
async fn the_operator_finds_disables_and_enables_an_account() {
    on_both(async |w| {
        let mia = w.person("mia_lund@example.com").await;
        w.person("ole%berg@example.com").await;
        let search = |text: &'static str| w.read(move |tx| users::search(tx, text, 10));
        let emails = async |text| search(text).await.into_iter().map(|found| found.email).collect::<Vec<_>>();
        assert_eq!(emails("").await, ["mia_lund@example.com", "ole%berg@example.com"]);
        assert_eq!(emails("MIA_LUND@").await, ["mia_lund@example.com"]);
        assert_eq!(emails("mia lund").await.len(), 2, "both are called that");
        // What LIKE takes for a wildcard is an ordinary character here.
        assert_eq!(emails("a_l").await, ["mia_lund@example.com"]);
        assert_eq!(emails("e_b").await, Vec::<String>::new());
        assert_eq!(emails("%").await, ["ole%berg@example.com"]);
        assert_eq!(emails("!").await, Vec::<String>::new());

        let operator = OperatorAuthority::at_the_console;
        let set = |active| w.write(move |tx| users::set_active(tx, &operator(), mia.user, active, NOW));
        assert!(!set(true).await && set(false).await && !set(false).await);
        assert!(!w.user(mia.user).await.active && !search("mia_").await[0].active);
        assert!(set(true).await && w.user(mia.user).await.active);
    })
    .await;
}
