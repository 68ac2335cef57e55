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
