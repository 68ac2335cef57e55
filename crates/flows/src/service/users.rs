//! Whom an application knows.

use super::Caller;
use crate::{Fault, Recorder, Services, activity, enrolment, letter, second_step};
use countersign_core::{
    Timestamp,
    application::ExternalId,
    authority::CredentialAuthority,
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    ids::{ApplicationId, UserId},
    message::Notice,
    second_step::Method,
    session::HolderSession,
    text::{TextError, short_text},
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges,
    application_users::{self, ApplicationUser},
    apps, backup_codes, phones, second_steps, sent_codes, sessions, users,
};

/// A person's name has at most this many characters.
pub const NAME_LENGTH: usize = 80;

/// Somebody whom the application knows, and which second steps they have. There is no secret in it.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The application's own id.
    pub id: ExternalId,
    /// Where codes and notices go.
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether the account may be used.
    pub active: bool,
    /// Since when the application has known them here.
    pub created_at: Timestamp,
    /// The kinds of second step that they can use now.
    pub methods: Vec<Method>,
    /// How many authenticator apps they have.
    pub apps: u32,
    /// Whether they have a confirmed phone.
    pub phone: bool,
    /// How many backup codes they have left; `None` where there were never any.
    pub backup_codes_left: Option<u32>,
}

/// What became of making somebody known.
#[derive(Clone, Debug)]
pub enum PutOutcome {
    /// They are known now.
    Created(UserView),
    /// They were known, and are as they were told to be.
    Updated(UserView),
    /// The address of somebody who is known changes, and codes go there: an account-holder token is needed that was
    /// bought by a second step.
    TokenNeeded,
    /// Not an address.
    Email(EmailError),
    /// Not a name.
    Name(TextError),
    /// The account is switched off.
    Inactive,
}

/// Makes somebody known, or changes their name and (with the account holder's own token) their address.
pub async fn put(
    s: &Services,
    caller: &Caller,
    id: &ExternalId,
    email: &str,
    name: &str,
    holder: Option<&HolderSession>,
    origin: &Origin,
) -> Result<PutOutcome, Fault> {
    let email = match email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(PutOutcome::Email(error)),
    };
    let name = match short_text(name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return Ok(PutOutcome::Name(error)),
    };
    let (now, external, application) = (s.now(), id.clone(), caller.application.clone());
    let user = UserId::generate(now, &*s.entropy);
    let new = ApplicationUser { id: user, external: id.clone(), email, name, active: true, created_at: now };
    let authority = holder.and_then(|holder| holder.mailbox_authority(now, s.rules.step_up_max_age));
    let (permitted, origin) = (second_step::permitted(s), origin.clone());
    let outcome = s
        .store
        .write(move |tx| {
            if application_users::create(tx, application.id, &new, now)? {
                let detail = Detail { text: Some(application.name), ..Detail::default() };
                activity::record(tx, new.id, EventKind::KnownToApplication, detail, origin, now)?;
                return Ok(PutOutcome::Created(view(tx, new, &permitted)?));
            }
            let known = in_turn(tx, application.id, &external)?;
            let known = known.ok_or(StoreError::Corrupt("a user of an application"))?;
            if !known.active {
                return Ok(PutOutcome::Inactive);
            }
            if known.email != new.email {
                let authority = authority.filter(|authority| authority.user() == known.id);
                let Some(authority) = authority else { return Ok(PutOutcome::TokenNeeded) };
                if !crate::sessions::still_lives(tx, &authority, now)? {
                    return Ok(PutOutcome::TokenNeeded);
                }
                move_mailbox(tx, &authority, &new.email, &origin, now)?;
            }
            application_users::set_name(tx, application.id, &external, &new.name)?;
            let now_known = ApplicationUser { email: new.email, name: new.name, ..known };
            Ok(PutOutcome::Updated(view(tx, now_known, &permitted)?))
        })
        .await?;
    s.ring();
    Ok(outcome)
}

/// As on *My Profile*: codes that are under way and whoever else is in, or half in, end, for they may have come through the
/// old mailbox; and both mailboxes are told.
fn move_mailbox(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    new: &EmailAddress,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let user = authority.user();
    let before = users::by_id(tx, user)?.ok_or(StoreError::Corrupt("a user of an application"))?;
    let proven = application_users::has_proven_email(tx, user)?;
    application_users::set_email(tx, authority, new)?;
    sent_codes::end_of_user(tx, user)?;
    let ended = enrolment::end_the_rest(tx, authority)?;
    let to = new.masked();
    let detail = Detail { text: Some(to.clone()), count: Some(ended.into()), ..Detail::default() };
    activity::record(tx, user, EventKind::EmailChanged, detail, origin.clone(), now)?;
    let mailboxes = [(before.email.clone(), proven), (new.clone(), false)];
    letter::notify(tx, &before, &mailboxes, Notice::EmailChanged { to }, origin, now)
}

/// The one whom the application knows by this id.
pub async fn get(s: &Services, caller: &Caller, id: &ExternalId) -> Result<Option<UserView>, Fault> {
    let (application, external, permitted) = (caller.application.id, id.clone(), second_step::permitted(s));
    s.store
        .read(move |tx| {
            let known = application_users::by_external_id(tx, application, &external)?;
            known.map(|known| view(tx, known, &permitted)).transpose()
        })
        .await
        .map_err(Into::into)
}

/// At most `limit` of those whom the application knows, in the order in which they became known, behind `after`; `None`
/// if there is nobody with that id.
pub async fn list(
    s: &Services,
    caller: &Caller,
    after: Option<&ExternalId>,
    limit: u32,
) -> Result<Option<Vec<UserView>>, Fault> {
    let (application, after, permitted) = (caller.application.id, after.cloned(), second_step::permitted(s));
    s.store
        .read(move |tx| {
            let after = match after {
                None => None,
                Some(id) => match application_users::by_external_id(tx, application, &id)? {
                    Some(known) => Some(known.id),
                    None => return Ok(None),
                },
            };
            let known = application_users::list(tx, application, after, limit)?;
            known.into_iter().map(|one| view(tx, one, &permitted)).collect::<StoreResult<_>>().map(Some)
        })
        .await
        .map_err(Into::into)
}

/// Switches an account off (its tokens and its challenges, answered or not, end at once) or on again. Its second steps stay as they
/// are, and so does its id: otherwise, forgetting somebody and making them known again would take their second step
/// away without their doing. The outcome is the user as they are now; `None` if there is nobody with this id.
pub async fn set_active<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    id: &ExternalId,
    active: bool,
    recorder: Recorder<Option<UserView>, A>,
) -> Result<A, Fault> {
    let (now, application, external) = (s.now(), caller.application.id, id.clone());
    let permitted = second_step::permitted(s);
    recorder
        .write(s, move |tx| {
            let Some(known) = in_turn(tx, application, &external)? else { return Ok(None) };
            if active {
                application_users::enable(tx, application, known.id)?;
            } else if application_users::disable(tx, application, known.id, now)? {
                sessions::end_all(tx, known.id)?;
                application_challenges::end_all(tx, known.id)?;
            }
            view(tx, ApplicationUser { active, ..known }, &permitted).map(Some)
        })
        .await
}

/// The account of an id that the application gave.
pub(super) fn known(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    id: &ExternalId,
) -> StoreResult<Option<ApplicationUser>> {
    application_users::by_external_id(tx, application, id)
}

/// The same, for a write about them: what is read here is still so at its end.
pub(super) fn in_turn(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    id: &ExternalId,
) -> StoreResult<Option<ApplicationUser>> {
    let Some(found) = known(tx, application, id)? else { return Ok(None) };
    users::take_turn(tx, found.id)?;
    known(tx, application, id)
}

fn view(tx: &mut Tx<'_>, known: ApplicationUser, permitted: &[Method]) -> StoreResult<UserView> {
    let user = users::by_id(tx, known.id)?.ok_or(StoreError::Corrupt("a user of an application"))?;
    let methods = second_steps::of(tx, &user)?.usable(permitted);
    let apps = u32::try_from(apps::list(tx, known.id)?.len()).unwrap_or(u32::MAX);
    Ok(UserView {
        id: known.external,
        email: known.email.to_string(),
        name: known.name,
        active: known.active,
        created_at: known.created_at,
        methods,
        apps,
        phone: phones::of_user(tx, known.id)?.is_some(),
        backup_codes_left: backup_codes::left(tx, known.id)?,
    })
}
