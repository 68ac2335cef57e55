//! What has ended is deleted, and nothing else.

use crate::harness::{DAY, HOUR, MINUTE, NOW, World, address, later, on_both, origin, verified};
use crate::throttles::SECOND_STEP;
use crate::{applications, apps, backup_codes, outbox::message, sent_codes};
use countersign_core::{
    Timestamp,
    ids::{ChallengeId, EnrolmentId, PendingFormId},
    message::Recipient,
    throttle::{Limits, Verdict},
};
use countersign_store::{
    application_reveals::{self, Reveal, SecretOf},
    backup_codes as codes, browser_links, challenges, confirmed_browsers, enrolments, housekeeping,
    known_browsers, outbox, password_resets,
    pending_forms::{self, PendingForm},
    throttles,
};
use zeroize::Zeroizing;

async fn sweep(w: &World, now: Timestamp) -> u32 {
    w.write(move |tx| housekeeping::sweep(tx, now, HOUR)).await
}

#[tokio::test]
async fn each_thing_goes_when_its_time_has_come() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        apps::add(&w, &mia, "Phone").await;
        backup_codes::replace(&w, &mia, "A").await;
        sent_codes::put(&w, mia.user, "482913", NOW).await.unwrap();
        let (challenge, enrolment) =
            (ChallengeId::generate(NOW, &*w.entropy), EnrolmentId::generate(NOW, &*w.entropy));
        let (handle, authority) = (w.handle(), mia.authority());
        let form = PendingFormId::generate(NOW, &*w.entropy);
        let (application, administrator) = applications::registered_by(&w, &mia, "CRM").await;
        let shown_to = (mia.user, mia.own.id());
        w.write(move |tx| {
            let end = later(10 * MINUTE);
            challenges::insert(tx, &verified(mia.user), challenge, &handle, None, end, None)?;
            enrolments::begin(tx, &authority, enrolment, &[1; 20], end, None)?;
            codes::put_reveal(tx, &authority, &["a code".into()], end)?;
            let reveal = Reveal { of: SecretOf::Client, secret: Zeroizing::new("a secret".into()) };
            application_reveals::put(tx, &administrator, shown_to, application, &reveal, end)?;
            let waiting = PendingForm { path: "/profile/email".into(), fields: "a=b".to_owned().into() };
            pending_forms::put(tx, form, shown_to, &waiting, end)?;
            password_resets::insert(tx, &handle, mia.user, later(HOUR))?;
            browser_links::insert(tx, &handle, mia.user, later(HOUR), &browser_links::Cause::default())?;
            confirmed_browsers::confirm(tx, &handle, mia.user, later(HOUR))?;
            known_browsers::know(tx, &handle, mia.user, &origin(), NOW)?;
            let to = Recipient::Email(address("mia@example.com"));
            let gone = outbox::push(tx, &to, &message("482913"), NOW)?;
            outbox::push(tx, &to, &message("482913"), NOW)?;
            outbox::delivered(tx, gone, NOW)
        })
        .await;
        assert_eq!(sweep(&w, NOW).await, 0);
        assert_eq!(sweep(&w, later(10 * MINUTE)).await, 4, "the enrolment, the reveals and the form");
        assert_eq!(sweep(&w, later(HOUR)).await, 4, "the idle session, the links and the confirmed browser");
        assert_eq!(sweep(&w, later(DAY + 10 * MINUTE)).await, 2, "the challenge and the code");
        assert_eq!(sweep(&w, later(7 * DAY)).await, 1, "the message that was delivered");
        assert_eq!(w.sql("SELECT reason FROM ended_sessions"), "idle");
        assert_eq!(sweep(&w, later(365 * DAY)).await, 2, "the browser, and why the session ended");
        assert_eq!(sweep(&w, later(3650 * DAY)).await, 0, "and nothing of what an account has");
        let kept = ["users", "apps", "backup_codes", "outbox"].map(|table| w.rows_in(table));
        assert_eq!(kept, [1, 1, 10, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_busy_session_goes_when_it_is_too_old() {
    on_both(async |w| {
        w.person("mia@example.com").await;
        w.sql(&format!("UPDATE sessions SET last_seen_at = {}", later(DAY).millis()));
        assert_eq!(sweep(&w, later(DAY - MINUTE)).await, 0);
        assert_eq!(sweep(&w, later(DAY)).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_counter_that_only_a_right_answer_resets_stays_while_it_counts() {
    on_both(async |w| {
        let passwords = Limits { forgotten_after: Some(DAY), ..SECOND_STEP };
        w.write(move |tx| {
            let settled = throttles::charge(tx, "settled", NOW, &SECOND_STEP)?.unwrap();
            throttles::settle(tx, "settled", settled, Verdict::Right)?;
            throttles::charge(tx, "failed", NOW, &SECOND_STEP)?.unwrap();
            throttles::charge(tx, "password", NOW, &passwords)?.unwrap();
            for _ in 0..10 {
                let long = Limits { first_pause: 2 * DAY, longest_pause: 2 * DAY, ..passwords };
                throttles::charge(tx, "closed", NOW, &long)?.unwrap();
            }
            Ok(())
        })
        .await;
        let keys = || w.sql("SELECT key FROM throttles ORDER BY key");
        assert_eq!(sweep(&w, later(DAY)).await, 1);
        assert_eq!(keys(), "closed\nfailed\nsettled", "a closed counter is not reopened");
        assert_eq!(sweep(&w, later(2 * DAY)).await, 1);
        assert_eq!(sweep(&w, later(30 * DAY)).await, 1);
        assert_eq!(sweep(&w, later(3650 * DAY)).await, 0);
        assert_eq!(keys(), "failed");
    })
    .await;
}
