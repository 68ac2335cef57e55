//! Codes sent by e-mail or SMS.

use crate::harness::{MINUTE, NOW, World, later, on_both};
use countersign_core::{
    Timestamp,
    ids::{SentCodeId, UserId},
    second_step::Method,
};
use countersign_store::sent_codes::{self, NewSentCode, Purpose, SentCode};

/// Sends `code` for a sign-in, with a cool-down of one minute and ten minutes to live.
pub(crate) async fn put(
    w: &World,
    user: UserId,
    code: &'static str,
    now: Timestamp,
) -> Result<(), Timestamp> {
    let id = SentCodeId::generate(now, &*w.entropy);
    w.write(move |tx| {
        let new = NewSentCode {
            purpose: Purpose::SignIn,
            owner: "a challenge".into(),
            id,
            user,
            method: Method::Sms,
            target: "+4591234567".into(),
            authenticator: "a phone".into(),
            code,
            now,
            expires_at: now.plus(10 * MINUTE),
        };
        sent_codes::put(tx, &new, MINUTE)
    })
    .await
}

pub(crate) async fn sent(w: &World) -> Option<SentCode> {
    w.read(|tx| sent_codes::of(tx, Purpose::SignIn, "a challenge")).await
}

async fn matches(w: &World, code: &SentCode, typed: &'static str) -> bool {
    let code = code.clone();
    w.read(move |tx| sent_codes::matches(tx, &code, typed)).await
}

#[tokio::test]
async fn a_code_is_spent_once_in_time_and_for_its_own_purpose() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        put(&w, mia.user, "482913", NOW).await.unwrap();
        let code = sent(&w).await.unwrap();
        assert_eq!((code.user, code.method, code.target.as_str()), (mia.user, Method::Sms, "+4591234567"));
        assert_eq!(code.authenticator, "a phone");
        assert_eq!((code.sent_at, code.expires_at, code.used), (NOW, later(10 * MINUTE), false));
        assert!(matches(&w, &code, "482913").await);
        assert!(!matches(&w, &code, "482914").await);
        let other = w.read(|tx| sent_codes::of(tx, Purpose::ConfirmIdentity, "a challenge")).await;
        assert!(other.is_none());

        let claim = |at| {
            let code = code.clone();
            w.write(move |tx| sent_codes::claim(tx, &code, at))
        };
        assert!(claim(later(10 * MINUTE)).await.is_none(), "too late");
        let evidence = claim(later(MINUTE)).await.unwrap();
        assert_eq!((evidence.user(), evidence.method()), (mia.user, Method::Sms));
        assert!(claim(later(MINUTE)).await.is_none(), "spent");
        assert!(sent(&w).await.unwrap().used);
    })
    .await;
}

#[tokio::test]
async fn a_new_code_after_the_cool_down_replaces_the_old_one() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        put(&w, mia.user, "111111", NOW).await.unwrap();
        let first = sent(&w).await.unwrap();
        let early = later(MINUTE).minus(std::time::Duration::from_millis(1));
        assert_eq!(put(&w, mia.user, "222222", early).await, Err(later(MINUTE)));
        assert!(matches(&w, &sent(&w).await.unwrap(), "111111").await, "nothing has changed");

        put(&w, mia.user, "222222", later(MINUTE)).await.unwrap();
        let second = sent(&w).await.unwrap();
        assert!(matches(&w, &second, "222222").await && !matches(&w, &second, "111111").await);
        assert!(w.write(move |tx| sent_codes::claim(tx, &first, later(MINUTE))).await.is_none());
        assert!(w.write(move |tx| sent_codes::claim(tx, &second, later(MINUTE))).await.is_some());

        put(&w, mia.user, "333333", later(2 * MINUTE)).await.unwrap();
        assert!(!sent(&w).await.unwrap().used, "a new code is fresh");
    })
    .await;
}

/// Stores a code for the person, with what a test does not look at left equal.
async fn put_for(w: &World, user: UserId, purpose: Purpose, owner: &'static str, target: &'static str) {
    let id = SentCodeId::generate(NOW, &*w.entropy);
    let code = if owner == "eve" { "111111" } else { "222222" };
    let put = move |tx: &mut countersign_store::Tx<'_>| {
        let new = NewSentCode {
            purpose,
            owner: owner.into(),
            id,
            user,
            method: Method::Email,
            target: target.into(),
            authenticator: "a mailbox".into(),
            code,
            now: NOW,
            expires_at: later(10 * MINUTE),
        };
        sent_codes::put(tx, &new, MINUTE)
    };
    w.write(put).await.unwrap();
}

/// Eve can write in the database and knows the code that was sent to her. Whatever she moves, her code is none of Mia's.
#[tokio::test]
async fn a_code_that_was_moved_does_not_match() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await.user, w.person("eve@example.com").await.user);
        let copy = "(SELECT eve.COLUMN FROM sent_codes AS eve WHERE eve.owner_id = 'eve')";
        let copied = |columns: &[&str]| {
            let set = columns.iter().map(|column| format!("{column} = {}", copy.replace("COLUMN", column)));
            format!("UPDATE sent_codes SET {} WHERE owner_id = 'mia'", set.collect::<Vec<_>>().join(", "))
        };
        let delete = "DELETE FROM sent_codes WHERE owner_id = 'mia'";
        let moved = |set: &str| vec![delete.to_owned(), format!("UPDATE sent_codes SET {set}")];
        let moves = [
            ("the code", vec![copied(&["mac", "key_id"])]),
            (
                "everything but user and target",
                vec![
                    "UPDATE sent_codes SET id = 'aside' WHERE owner_id = 'mia'".into(),
                    copied(&["mac", "key_id", "method", "sent_at", "expires_at"]),
                ],
            ),
            ("the owner", moved("owner_id = 'mia'")),
            ("owner and user", moved(&format!("owner_id = 'mia', user_id = '{mia}'"))),
            (
                "owner, user and target",
                moved(&format!("owner_id = 'mia', user_id = '{mia}', target = 'mia@example.com'")),
            ),
        ];
        for (what, steps) in moves {
            w.sql("DELETE FROM sent_codes");
            put_for(&w, mia, Purpose::SignIn, "mia", "mia@example.com").await;
            put_for(&w, eve, Purpose::SignIn, "eve", "eve@example.com").await;
            let aside = steps.iter().any(|step| step.contains("aside"));
            for step in steps {
                w.sql(&step);
            }
            if aside {
                let id = w.sql("SELECT id FROM sent_codes WHERE owner_id = 'eve'");
                w.sql("DELETE FROM sent_codes WHERE owner_id = 'eve'");
                w.sql(&format!("UPDATE sent_codes SET id = '{id}'"));
            }
            let found = w.read(|tx| sent_codes::of(tx, Purpose::SignIn, "mia")).await.unwrap();
            assert!(!matches(&w, &found, "111111").await, "{what}");
        }
    })
    .await;
}

/// The same of a single column: each decides what a code is good for.
#[tokio::test]
async fn each_column_that_decides_what_a_code_is_good_for_is_covered() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await.user, w.person("eve@example.com").await.user);
        let later = later(60 * MINUTE).millis();
        for (set, purpose, owner) in [
            ("used_at = NULL", Purpose::ConfirmEmail, "eve"),
            ("purpose = 'sign-in'", Purpose::SignIn, "eve"),
            ("owner_id = 'another session'", Purpose::ConfirmEmail, "another session"),
            (&format!("user_id = '{mia}'"), Purpose::ConfirmEmail, "eve"),
            ("target = 'mia@example.com'", Purpose::ConfirmEmail, "eve"),
            ("method = 'sms'", Purpose::ConfirmEmail, "eve"),
            (&format!("expires_at = {later}"), Purpose::ConfirmEmail, "eve"),
        ] {
            w.sql("DELETE FROM sent_codes");
            put_for(&w, eve, Purpose::ConfirmEmail, "eve", "eve@example.com").await;
            w.sql(&format!("UPDATE sent_codes SET {set}"));
            let found = w.read(move |tx| sent_codes::of(tx, purpose, owner)).await.unwrap();
            let matched = matches(&w, &found, "111111").await;
            assert_eq!(matched, set == "used_at = NULL", "{set}: only the first changes nothing");
        }
    })
    .await;
}
