//! Grants and what stands for them: single use, and everything that ends them.

use crate::harness::{DAY, HOUR, LIFETIMES, MINUTE, NOW, Person, World, later, on_both, origin, winners};
use countersign_core::{
    Timestamp,
    application::SigningAlgorithm,
    assurance::{PasswordOrigin, Statement},
    authority::{ApplicationAuthority, OperatorAuthority, SharedMembership},
    ids::{ApplicationId, GrantId, OrganizationId, SessionId},
    oauth::{CodeChallenge, ScopeSet},
    role::Role,
    second_step::{Evidence, Method, SecondSteps},
    session::{ProvenAgain, Session},
};
use countersign_store::{
    Tx, access_tokens, applications,
    authorization_codes::{self, AuthorizationCode},
    client_assertions, consents,
    grants::{self, NewGrant},
    housekeeping, members, refresh_tokens, sessions,
    signing_keys::{self, NewSigningKey},
};
use zeroize::Zeroizing;

const STATEMENT: Statement =
    Statement { password: PasswordOrigin::ResetLink, second_step: Some(Method::Email), auth_time: NOW };

async fn application(w: &World) -> (ApplicationId, OrganizationId) {
    let organization = OrganizationId::generate(NOW, &*w.entropy);
    let id = ApplicationId::generate(NOW, &*w.entropy);
    w.write(move |tx| {
        let operator = OperatorAuthority::at_the_console();
        members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
        let authority = ApplicationAuthority::of_operator(&operator, organization, true, true);
        let new = applications::NewApplication {
            id,
            name: "CRM".into(),
            app_required: false,
            accepts_login_as: false,
        };
        applications::insert(tx, &authority, &new, NOW)
    })
    .await;
    (id, organization)
}

async fn session(w: &World, id: SessionId) -> Session {
    let record = w.read(move |tx| sessions::by_id(tx, id)).await.unwrap();
    Session::restore(record, NOW, HOUR).unwrap()
}

/// A grant of this session; `false` where the store gives none.
async fn grant(
    w: &World,
    application: ApplicationId,
    session: Session,
    offline_until: Option<Timestamp>,
) -> (GrantId, bool) {
    let id = GrantId::generate(NOW, &*w.entropy);
    let scope = ScopeSet::requested("openid email");
    let new = NewGrant { id, application, scope, claims: "{}".into(), statement: STATEMENT, offline_until };
    (id, w.write(move |tx| grants::insert(tx, &session, &new, NOW)).await)
}

async fn somebodys(w: &World) -> (Person, ApplicationId, GrantId) {
    let (mia, (application, _)) = (w.person("mia@example.com").await, application(w).await);
    let (id, given) = grant(w, application, session(w, mia.own.id()).await, None).await;
    assert!(given);
    (mia, application, id)
}

fn code(grant: GrantId) -> AuthorizationCode {
    let challenge = CodeChallenge::from_bytes([7; 32]);
    AuthorizationCode { grant, redirect_uri: "https://crm.example/back".into(), challenge, nonce: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_a_refresh_token_and_an_assertion_are_worth_one_thing() {
    on_both(async |w| {
        let (_, application, id) = somebodys(&w).await;
        let (handle, first) = (w.handle(), w.handle());
        w.write(move |tx| authorization_codes::insert(tx, &handle, &code(id), later(MINUTE))).await;
        let claim = move |tx: &mut Tx<'_>| authorization_codes::claim(tx, &handle, NOW);
        let answers = w.burst(|| claim).await;
        assert_eq!(winners(&answers), 1);
        let spent = answers.into_iter().flatten().next().unwrap();
        assert_eq!(spent.grant(), id);
        w.write(move |tx| refresh_tokens::insert(tx, &spent, &first, later(DAY))).await;
        let claim = move |tx: &mut Tx<'_>| refresh_tokens::claim(tx, &first, NOW);
        assert_eq!(winners(&w.burst(|| claim).await), 1);
        assert!(w.read(move |tx| refresh_tokens::find(tx, &first)).await.unwrap().used);
        let assertion =
            move |tx: &mut Tx<'_>| client_assertions::claim(tx, application, &[1; 32], later(MINUTE));
        assert_eq!(w.burst(|| assertion).await.into_iter().filter(|won| *won).count(), 1);
        // What is too old buys nothing.
        let (late, old) = (w.handle(), w.handle());
        w.write(move |tx| authorization_codes::insert(tx, &late, &code(id), NOW)).await;
        assert!(w.write(move |tx| authorization_codes::claim(tx, &late, NOW)).await.is_none());
        assert!(w.write(move |tx| refresh_tokens::claim(tx, &old, NOW)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_grant_ends_with_its_session_and_an_offline_one_with_all_of_them() {
    on_both(async |w| {
        let (mia, application, bound) = somebodys(&w).await;
        let own = session(&w, mia.own.id()).await;
        let (offline, given) = grant(&w, application, own, Some(later(30 * DAY))).await;
        assert!(given);
        let handle = w.handle();
        w.write(move |tx| authorization_codes::insert(tx, &handle, &code(bound), later(MINUTE))).await;
        let there = w.sign_in(mia.user).await;
        let by_id = async |id| w.read(move |tx| grants::by_id(tx, id)).await;
        let found = by_id(bound).await.unwrap();
        assert_eq!((found.user, found.session, found.sid), (mia.user, Some(mia.own.id()), mia.own.id()));
        assert_eq!((found.statement, found.actor, found.ended), (STATEMENT, None, false));
        assert_eq!(found.expires_at, later(LIFETIMES.absolute));
        let ended = mia.own.id();
        assert!(w.write(move |tx| sessions::end(tx, ended)).await);
        assert!(by_id(bound).await.is_none());
        assert_eq!(w.rows_in("authorization_codes"), 0, "with all that stood for it");
        let kept = by_id(offline).await.unwrap();
        assert_eq!((kept.session, kept.sid, kept.expires_at), (None, ended, later(30 * DAY)));
        let seen = |now: Timestamp| now.minus(HOUR);
        let listed = async |now| {
            let active = w.read(move |tx| grants::active(tx, mia.user, now, seen(now))).await;
            active.into_iter().map(|grant| grant.application).collect::<Vec<_>>()
        };
        assert_eq!(listed(NOW).await, [], "nothing stands for it yet");
        let (code_handle, refresh) = (w.handle(), w.handle());
        w.write(move |tx| {
            authorization_codes::insert(tx, &code_handle, &code(offline), later(MINUTE))?;
            let spent = authorization_codes::claim(tx, &code_handle, NOW)?.unwrap();
            refresh_tokens::insert(tx, &spent, &refresh, later(7 * DAY))
        })
        .await;
        assert_eq!((listed(NOW).await, listed(later(7 * DAY)).await), (vec![application], vec![]));
        let (here, given) = grant(&w, application, session(&w, there.own.id()).await, None).await;
        assert!(given && w.write(move |tx| grants::hold(tx, here)).await);
        // A session's own grant counts while the session lives, and no longer than a token of it.
        let (code_handle, refresh, now) = (w.handle(), w.handle(), later(7 * DAY));
        w.write(move |tx| {
            authorization_codes::insert(tx, &code_handle, &code(here), later(MINUTE))?;
            let spent = authorization_codes::claim(tx, &code_handle, NOW)?.unwrap();
            refresh_tokens::insert(tx, &spent, &refresh, later(30 * DAY))
        })
        .await;
        assert_eq!(listed(NOW).await, [application, application]);
        assert_eq!(listed(later(2 * HOUR)).await, [application], "that session has idled away");
        assert_eq!(listed(now).await, []);
        let keep = there.own.id();
        assert_eq!(w.write(move |tx| sessions::end_others(tx, mia.user, keep)).await, 0);
        assert!(
            by_id(offline).await.is_none() && by_id(here).await.is_none(),
            "also of the session that stays"
        );
        assert!(!w.write(move |tx| grants::hold(tx, here)).await);
        assert_eq!(w.rows_in("sessions"), 1);
        let (here, _) = grant(&w, application, session(&w, there.own.id()).await, None).await;
        assert_eq!(w.write(move |tx| sessions::end_all(tx, mia.user)).await, 1);
        assert!(by_id(here).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_administrators_grant_says_so_and_never_goes_on_without_the_session() {
    on_both(async |w| {
        let (mia, adam) = (w.person("mia@example.com").await, w.person("adam@example.com").await);
        let (application, organization) = application(&w).await;
        let shared = SharedMembership {
            organization,
            actor_role: Role::Admin,
            subject: mia.user,
            subject_role: Role::Member,
            subject_active: true,
        };
        let granted = adam.own.login_as_authority(NOW, HOUR).unwrap().over(shared).unwrap();
        let (id, handle) = (SessionId::generate(NOW, &*w.entropy), w.handle());
        w.write(move |tx| {
            sessions::insert_impersonated(tx, granted, id, &handle, "why", &origin(), &LIFETIMES, NOW)
        })
        .await;
        let (_, given) = grant(&w, application, session(&w, id).await, Some(later(DAY))).await;
        assert!(!given, "not offline");
        let (bound, given) = grant(&w, application, session(&w, id).await, None).await;
        assert!(given);
        let found = w.read(move |tx| grants::by_id(tx, bound)).await.unwrap();
        assert_eq!((found.user, found.actor), (mia.user, Some((adam.user, organization))));
        let gone = session(&w, id).await;
        w.write(move |tx| sessions::end(tx, id)).await;
        assert!(!grant(&w, application, gone, None).await.1, "a session that has ended grants nothing");
    })
    .await;
}

#[tokio::test]
async fn consent_is_replaced_withdrawn_and_listed() {
    on_both(async |w| {
        let (mia, (application, _)) = (w.person("mia@example.com").await, application(&w).await);
        let user = mia.user;
        let of = async || w.read(move |tx| consents::of(tx, user, application)).await;
        assert!(of().await.is_none());
        for (scope, at) in [("openid", NOW), ("openid email", later(MINUTE))] {
            let Session::Own(own) = session(&w, mia.own.id()).await else { panic!("not an own session") };
            let scope = ScopeSet::requested(scope);
            w.write(move |tx| consents::give(tx, &own, application, &scope, at)).await;
        }
        let consent = of().await.unwrap();
        assert_eq!((consent.scope.to_string(), consent.at), ("openid email".to_owned(), later(MINUTE)));
        assert_eq!(w.read(move |tx| consents::list(tx, user)).await.len(), 1);
        for expected in [true, false] {
            let Session::Own(own) = session(&w, mia.own.id()).await else { panic!("not an own session") };
            assert_eq!(w.write(move |tx| consents::withdraw(tx, &own, application)).await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_step_up_raises_the_second_step_only_where_one_was_shown() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, at) = (mia.own.id(), later(MINUTE));
        for (method, expected) in
            [(None, None), (Some(Method::App), Some((Method::App, at))), (None, Some((Method::App, at)))]
        {
            let password =
                countersign_core::sign_in::PasswordVerified::check(mia.user, true, true, at).unwrap();
            let evidence = method.map(|method| Evidence::of_claim(mia.user, method));
            let record = w.read(move |tx| sessions::by_id(tx, id)).await.unwrap();
            let Some(Session::Own(own)) = Session::restore(record, at, HOUR) else { panic!("no session") };
            let steps = SecondSteps::default();
            let proven = ProvenAgain::by(&own, &password, evidence.as_ref(), &steps, &[]).unwrap();
            let handle = w.handle();
            assert!(w.write(move |tx| sessions::renew_proof(tx, &proven, &handle)).await);
            let record = w.read(move |tx| sessions::by_id(tx, id)).await.unwrap();
            assert_eq!((record.proofs().password_at, record.proofs().second_step), (at, expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_private_key_is_sealed_for_its_own_row() {
    on_both(async |w| {
        let key = |kid: &str, byte| NewSigningKey {
            kid: kid.into(),
            algorithm: SigningAlgorithm::EdDsa,
            private: Zeroizing::new(vec![byte; 40]),
            public_jwk: "{}".into(),
            signs_from: NOW,
        };
        let (one, two) = (key("one", b'Q'), key("two", b'R'));
        w.write(move |tx| {
            signing_keys::take_turn(tx, SigningAlgorithm::EdDsa)?;
            signing_keys::insert(tx, &one, NOW)?;
            signing_keys::insert(tx, &two, NOW)
        })
        .await;
        let private = async |kid: &'static str| w.store.read(move |tx| signing_keys::private(tx, kid)).await;
        assert_eq!(private("one").await.unwrap().unwrap().as_slice(), [b'Q'; 40]);
        assert!(!w.stolen().windows(40).any(|bytes| bytes == [b'Q'; 40]), "it lies open in the database");
        w.sql("UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE kid = 'two') WHERE kid = 'one'");
        assert!(private("one").await.is_err(), "a key that was moved does not open");
        let withdraw = |tx: &mut Tx<'_>| signing_keys::withdraw_others(tx, SigningAlgorithm::EdDsa, "two", NOW);
        assert_eq!((w.write(withdraw).await, w.write(withdraw).await), (1, 0));
        assert!(w.write(|tx| signing_keys::delete(tx, "one")).await);
        assert_eq!(w.rows_in("signing_keys"), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_swept_away() {
    on_both(async |w| {
        let (mia, application, id) = somebodys(&w).await;
        let own = session(&w, mia.own.id()).await;
        let (offline, _) = grant(&w, application, own, Some(later(30 * DAY))).await;
        let [handle, access, refresh] = [w.handle(), w.handle(), w.handle()];
        w.write(move |tx| {
            authorization_codes::insert(tx, &handle, &code(offline), later(MINUTE))?;
            let spent = authorization_codes::claim(tx, &handle, NOW)?.unwrap();
            access_tokens::insert(
                tx,
                &spent,
                &access,
                &ScopeSet::requested("openid"),
                NOW,
                later(10 * MINUTE),
            )?;
            refresh_tokens::insert(tx, &spent, &refresh, later(7 * DAY))?;
            client_assertions::claim(tx, application, &[1; 32], later(MINUTE))?;
            grants::end(tx, id, NOW)
        })
        .await;
        let rows = || {
            ["grants", "authorization_codes", "access_tokens", "refresh_tokens", "client_assertions"]
                .map(|table| w.rows_in(table))
        };
        let sweep = async |now| w.write(move |tx| housekeeping::sweep(tx, now, 60 * DAY)).await;
        assert_eq!((sweep(NOW).await, rows()), (0, [2, 1, 1, 1, 1]));
        sweep(later(10 * MINUTE)).await;
        assert_eq!(rows(), [2, 1, 0, 1, 0]);
        sweep(later(DAY + MINUTE)).await;
        assert_eq!(rows(), [1, 0, 0, 1, 0], "the one that was ended, and the code a day after its time");
        sweep(later(7 * DAY)).await;
        assert_eq!(rows(), [1, 0, 0, 0, 0]);
        sweep(later(7 * DAY + MINUTE)).await;
        assert_eq!(rows(), [0; 5], "what nothing stands for any more goes next, long before its time");
    })
    .await;
}

#[tokio::test]
async fn a_grant_whose_code_nobody_exchanged_is_swept_away_a_day_later() {
    on_both(async |w| {
        let (mia, application, bound) = somebodys(&w).await;
        let own = session(&w, mia.own.id()).await;
        let (offline, _) = grant(&w, application, own, Some(later(30 * DAY))).await;
        for id in [bound, offline] {
            let handle = w.handle();
            w.write(move |tx| authorization_codes::insert(tx, &handle, &code(id), later(MINUTE))).await;
        }
        let sweep = async |now| w.write(move |tx| housekeeping::sweep(tx, now, 60 * DAY)).await;
        let rows = || ["grants", "authorization_codes"].map(|table| w.rows_in(table));
        // The session is older than a day then, and its grant ends with it.
        sweep(later(DAY - MINUTE)).await;
        assert_eq!(rows(), [2, 2]);
        sweep(later(DAY + MINUTE)).await;
        assert_eq!(rows(), [1, 0]);
        sweep(later(DAY + 2 * MINUTE)).await;
        assert_eq!(rows(), [0, 0]);
    })
    .await;
}
