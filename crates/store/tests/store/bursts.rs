//! Single use: of two hundred who come at once, one gets it.

use crate::harness::{HOUR, MINUTE, NOW, later, on_both, verified, winners};
use crate::{apps, backup_codes, sent_codes, throttles::SECOND_STEP};
use countersign_core::{
    ids::{ChallengeId, EnrolmentId, SentCodeId},
    second_step::Method,
    sign_in::Challenged,
};
use countersign_otp::TimeStep;
use countersign_store::{
    Tx, apps as app_table, backup_codes as code_table, challenges, enrolments, password_resets,
    sent_codes::{self as sent_table, NewSentCode, Purpose},
    throttles,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_time_step() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (user, id) = (mia.user, apps::add(&w, &mia, "Phone").await);
        let claim = move |tx: &mut Tx<'_>| app_table::claim_step(tx, user, id, TimeStep::new(101), NOW);
        assert_eq!(winners(&w.burst(|| claim).await), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_code() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        backup_codes::replace(&w, &mia, "A").await;
        let user = mia.user;
        let id = w.read(move |tx| code_table::by_selector(tx, user, "A1")).await.unwrap().id;
        let claim = move |tx: &mut Tx<'_>| code_table::claim(tx, user, id, NOW);
        assert_eq!(winners(&w.burst(|| claim).await), 1);
        assert_eq!(w.read(move |tx| code_table::left(tx, user)).await, Some(9));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_code() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        sent_codes::put(&w, mia.user, "482913", NOW).await.unwrap();
        let code = sent_codes::sent(&w).await.unwrap();
        let answers = w
            .burst(|| {
                let code = code.clone();
                move |tx: &mut Tx<'_>| sent_table::claim(tx, &code, NOW)
            })
            .await;
        assert_eq!(winners(&answers), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_send_a_code() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        for round in [NOW, later(MINUTE)] {
            let answers = w
                .burst(|| {
                    let id = SentCodeId::generate(round, &*w.entropy);
                    move |tx: &mut Tx<'_>| {
                        let new = NewSentCode {
                            purpose: Purpose::ConfirmIdentity,
                            owner: "a session".into(),
                            id,
                            user,
                            method: Method::Email,
                            target: "mia@example.com".into(),
                            authenticator: "mia@example.com".into(),
                            code: "482913",
                            now: round,
                            expires_at: round.plus(10 * MINUTE),
                        };
                        sent_table::put(tx, &new, MINUTE)
                    }
                })
                .await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            assert!(answers.into_iter().filter_map(Result::err).all(|at| at == round.plus(MINUTE)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, handle) = (ChallengeId::generate(NOW, &*w.entropy), w.handle());
        w.write(move |tx| {
            challenges::insert(tx, &verified(mia.user), id, &handle, None, later(MINUTE), None)
        })
        .await;
        let record = w.read(move |tx| challenges::by_handle(tx, &handle)).await.unwrap();
        let answers = w
            .burst(|| {
                let challenge = Challenged::restore(record.clone(), NOW).unwrap();
                move |tx: &mut Tx<'_>| challenges::complete(tx, &challenge, NOW)
            })
            .await;
        assert_eq!(answers.into_iter().filter(|won| *won).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link() {
    on_both(async |w| {
        let (user, link) = (w.person("mia@example.com").await.user, w.handle());
        w.write(move |tx| password_resets::insert(tx, &link, user, later(HOUR))).await;
        let spend = move |tx: &mut Tx<'_>| password_resets::spend(tx, &link, NOW);
        assert_eq!(winners(&w.burst(|| spend).await), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_enrolment() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, authority) = (EnrolmentId::generate(NOW, &*w.entropy), mia.authority());
        w.write(move |tx| enrolments::begin(tx, &authority, id, &[1; 20], later(MINUTE))).await;
        let answers = w
            .burst(|| {
                let authority = mia.authority();
                move |tx: &mut Tx<'_>| enrolments::take(tx, &authority, id)
            })
            .await;
        assert_eq!(answers.into_iter().filter(|won| *won).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sight_of_new_backup_codes() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (user, session, authority) = (mia.user, mia.own.id(), mia.authority());
        w.write(move |tx| code_table::put_reveal(tx, &authority, &["a code".into()], later(MINUTE))).await;
        let take = move |tx: &mut Tx<'_>| code_table::take_reveal(tx, session, user, NOW);
        assert_eq!(winners(&w.burst(|| take).await), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_guesses_than_are_allowed() {
    on_both(async |w| {
        let charge = |tx: &mut Tx<'_>| throttles::charge(tx, "mia", NOW, &SECOND_STEP);
        let answers = w.burst(|| charge).await;
        assert_eq!(answers.into_iter().filter(Result::is_ok).count(), 10);
        assert_eq!(w.sql("SELECT failures FROM throttles"), "10");
    })
    .await;
}
