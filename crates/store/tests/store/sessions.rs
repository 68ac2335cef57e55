//! Sessions.

use crate::harness::{DAY, HOUR, LIFETIMES, MINUTE, NOW, Person, World, later, on_both, origin, verified};
use countersign_core::{
    assurance::PasswordOrigin,
    authority::{LoginAsGrant, OperatorAuthority, SharedMembership},
    ids::{OrganizationId, SessionId, UserId},
    role::Role,
    second_step::{Evidence, Method, SecondSteps},
    session::{OwnSession, ProvenAgain, Session, SessionRecord},
    sign_in::{ChallengeRecord, Challenged},
};
use countersign_store::{enrolments, members, sessions};

/// A step-up by an account that needs no second step.
fn again(own: &OwnSession, user: UserId, code: Option<&Evidence>) -> ProvenAgain {
    ProvenAgain::by(own, &verified(user), code, &SecondSteps::default(), &[]).unwrap()
}

#[tokio::test]
async fn an_own_session_is_stored_with_what_bought_it() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, handle) = (SessionId::generate(NOW, &*w.entropy), w.handle());
        let challenge = Challenged::restore(
            ChallengeRecord {
                id: countersign_core::ids::ChallengeId::generate(NOW, &*w.entropy),
                user: mia.user,
                return_to: None,
                expires_at: later(MINUTE),
                completed_at: None,
            },
            NOW,
        );
        let evidence = Evidence::of_claim(mia.user, Method::Sms);
        let authenticated = challenge.unwrap().answered(&evidence, PasswordOrigin::ResetLink, NOW).unwrap();
        w.write(move |tx| sessions::insert_own(tx, authenticated, id, &handle, &origin(), &LIFETIMES)).await;
        let record = w.read(move |tx| sessions::by_handle(tx, &handle)).await.unwrap();
        assert_eq!((record.id, record.user, record.second_step), (id, mia.user, Some(Method::Sms)));
        assert_eq!(record.password, PasswordOrigin::ResetLink);
        assert_eq!((record.created_at, record.last_seen_at, record.proven_at), (NOW, NOW, NOW));
        assert_eq!(record.expires_at, later(DAY));
        assert!(record.login_as.is_none());
        let unknown = w.handle();
        assert!(w.read(move |tx| sessions::by_handle(tx, &unknown)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn being_seen_a_step_up_and_a_new_handle() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let id = mia.own.id();
        let (second, third) = (w.handle(), w.handle());
        w.write(move |tx| sessions::touch(tx, id, later(2 * MINUTE))).await;
        w.write(move |tx| sessions::touch(tx, id, later(MINUTE))).await;
        let record = w.read(move |tx| sessions::by_id(tx, id)).await.unwrap();
        assert_eq!(record.last_seen_at, later(2 * MINUTE), "never backwards");

        w.sql("UPDATE sessions SET proven_at = 5");
        let proven = again(&mia.own, mia.user, None);
        assert!(w.write(move |tx| sessions::renew_proof(tx, &proven, &second)).await);
        let old = mia.handle;
        assert!(w.read(move |tx| sessions::by_handle(tx, &old)).await.is_none());
        let record = w.read(move |tx| sessions::by_handle(tx, &second)).await.unwrap();
        assert_eq!((record.id, record.proven_at), (id, NOW));

        assert!(w.write(move |tx| sessions::rotate(tx, id, &third)).await);
        assert!(w.read(move |tx| sessions::by_handle(tx, &second)).await.is_none());
        assert!(w.read(move |tx| sessions::by_handle(tx, &third)).await.is_some());

        assert!(w.write(move |tx| sessions::end(tx, id)).await);
        assert!(!w.write(move |tx| sessions::end(tx, id)).await);
        let proven = again(&mia.own, mia.user, None);
        assert!(!w.write(move |tx| sessions::renew_proof(tx, &proven, &second)).await);
        assert!(!w.write(move |tx| sessions::rotate(tx, id, &third)).await);
    })
    .await;
}

#[tokio::test]
async fn a_user_ends_their_own_sessions_and_nobody_elses() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let (user, other, keep) = (mia.user, ole.own.id(), mia.own.id());
        let second = w.sign_in(user).await.own.id();
        assert!(!w.write(move |tx| sessions::end_of_user(tx, user, other)).await);
        assert!(w.write(move |tx| sessions::end_of_user(tx, user, second)).await);
        w.sign_in(user).await;
        w.sign_in(user).await;
        assert_eq!(w.write(move |tx| sessions::end_others(tx, user, keep)).await, 2);
        assert!(w.read(move |tx| sessions::by_id(tx, keep)).await.is_some());
        assert_eq!(w.write(move |tx| sessions::end_all(tx, user)).await, 1);
        assert!(w.read(move |tx| sessions::by_id(tx, other)).await.is_some());
        assert_eq!(w.rows_in("sessions"), 1);
    })
    .await;
}

/// An owner who may enter the account of `subject`.
async fn grant(w: &World, actor: &Person, subject: &Person) -> LoginAsGrant {
    let organization = OrganizationId::generate(NOW, &*w.entropy);
    let (owner, member) = (actor.user, subject.user);
    w.write(move |tx| {
        let operator = OperatorAuthority::at_the_console();
        members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
        members::add(tx, &operator, organization, owner, Role::Owner, NOW)?;
        members::add(tx, &operator, organization, member, Role::Member, NOW)
    })
    .await;
    let shared = SharedMembership {
        organization,
        actor_role: Role::Owner,
        subject: subject.user,
        subject_role: Role::Member,
        subject_active: true,
    };
    actor.own.login_as_authority(NOW, HOUR).unwrap().over(shared).unwrap()
}

#[tokio::test]
async fn an_impersonated_session_is_another_kind_and_ends_with_its_actors() {
    on_both(async |w| {
        let (ann, mia) = (w.person("ann@example.com").await, w.person("mia@example.com").await);
        w.sql("UPDATE users SET name = 'Ann Berg' WHERE email = 'ann@example.com'");
        let grant = grant(&w, &ann, &mia).await;
        let organization = grant.organization();
        let (id, handle) = (SessionId::generate(later(MINUTE), &*w.entropy), w.handle());
        w.write(move |tx| {
            let at = later(MINUTE);
            sessions::insert_impersonated(tx, grant, id, &handle, "a lost invoice", &origin(), &LIFETIMES, at)
        })
        .await;
        let record = w.read(move |tx| sessions::by_handle(tx, &handle)).await.unwrap();
        assert_eq!((record.user, record.expires_at), (mia.user, later(MINUTE + HOUR)));
        let login_as = record.login_as.clone().unwrap();
        assert_eq!((login_as.actor, login_as.actor_session), (ann.user, ann.own.id()));
        assert_eq!((login_as.organization, login_as.reason.as_str()), (organization, "a lost invoice"));

        // Even taken for an own session by mistake, it cannot be proven.
        let mistaken = Session::restore(SessionRecord { login_as: None, ..record }, later(MINUTE), HOUR);
        let Some(Session::Own(mistaken)) = mistaken else { panic!("not an own session") };
        let proven = again(&mistaken, mia.user, None);
        let new = w.handle();
        assert!(!w.write(move |tx| sessions::renew_proof(tx, &proven, &new)).await);

        let user = mia.user;
        let rows = w.read(move |tx| sessions::list(tx, user, NOW, later(MINUTE))).await;
        assert_eq!(rows.len(), 1, "the own one has been idle since NOW");
        assert_eq!(rows[0].actor_name.as_deref(), Some("Ann Berg"));
        assert_eq!((rows[0].address.as_str(), rows[0].user_agent.as_str()), ("192.0.2.7", "Firefox"));

        let actor_session = ann.own.id();
        assert!(w.write(move |tx| sessions::end(tx, actor_session)).await);
        assert!(w.read(move |tx| sessions::by_handle(tx, &handle)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn the_list_holds_what_is_live_the_newest_first() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let user = mia.user;
        let (second, third) = (w.sign_in(user).await.own.id(), w.sign_in(user).await.own.id());
        w.sql(&format!("UPDATE sessions SET created_at = created_at + 1 WHERE id = '{second}'"));
        let ids = async |live_since, now| {
            let rows = w.read(move |tx| sessions::list(tx, user, live_since, now)).await;
            rows.into_iter().map(|row| row.record.id).collect::<Vec<_>>()
        };
        let listed = ids(NOW.minus(HOUR), NOW).await;
        assert_eq!((listed.len(), listed[0]), (3, second));
        w.write(move |tx| sessions::touch(tx, third, later(MINUTE))).await;
        assert_eq!(ids(NOW, later(HOUR)).await, [third]);
        assert!(ids(NOW, later(DAY)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_a_session_has_pending_ends_with_it() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let authority = mia.authority();
        let id = countersign_core::ids::EnrolmentId::generate(NOW, &*w.entropy);
        w.write(move |tx| enrolments::begin(tx, &authority, id, &[1; 20], later(MINUTE), None)).await;
        assert_eq!(w.rows_in("enrolments"), 1);
        w.write(move |tx| sessions::end_all(tx, mia.user)).await;
        assert_eq!(w.rows_in("enrolments"), 0);
    })
    .await;
}

/// What a session rests on is written by the sign-in and by each step-up, and read as it was written before there was a
/// column for it.
#[tokio::test]
async fn a_session_says_whether_a_reset_link_set_the_password() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let id = mia.own.id();
        let origin = async || w.read(move |tx| sessions::by_id(tx, id)).await.unwrap().proofs();
        assert_eq!(origin().await.password, PasswordOrigin::Chosen);
        for (password_by_link, expected) in
            [(true, PasswordOrigin::ResetLink), (false, PasswordOrigin::Chosen)]
        {
            let steps = SecondSteps { password_by_link, ..SecondSteps::default() };
            let code = Evidence::of_claim(mia.user, Method::Email);
            let proven = ProvenAgain::by(&mia.own, &verified(mia.user), Some(&code), &steps, &[]).unwrap();
            let handle = w.handle();
            assert!(w.write(move |tx| sessions::renew_proof(tx, &proven, &handle)).await);
            let proofs = origin().await;
            assert_eq!((proofs.password, proofs.second_step), (expected, Some((Method::Email, NOW))));
        }
    })
    .await;
}
