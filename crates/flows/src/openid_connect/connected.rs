//! *Connected applications*: what people have let applications learn or do, and how they take it back.

use crate::{Fault, Services, activity};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::ApplicationId,
    oauth::ScopeSet,
    session::OwnSession,
};
use countersign_store::{applications, consents, grants, users};

/// One application.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Its id.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// What it may learn or do.
    pub scope: ScopeSet,
    /// When the person agreed; `None` for the operator's own, which asks nobody.
    pub agreed_at: Option<Timestamp>,
    /// When the newest sign-in that still gives it access was; `None` where none does.
    pub signed_in_at: Option<Timestamp>,
}

/// The applications that the account holder has agreed to, or that have access now.
pub async fn list(s: &Services, session: &OwnSession) -> Result<Vec<Connected>, Fault> {
    let (user, now) = (session.user(), s.now());
    let seen_after = now.minus(s.rules.lifetimes.idle);
    s.store
        .read(move |tx| {
            let connected = |id, scope, agreed_at, signed_in_at| {
                let name = String::new();
                Connected { id, name, scope, agreed_at, signed_in_at }
            };
            let consents = consents::list(tx, user)?.into_iter();
            let mut list: Vec<_> = consents
                .map(|given| connected(given.application, given.scope, Some(given.at), None))
                .collect();
            for grant in grants::active(tx, user, now, seen_after)? {
                match list.iter_mut().find(|known| known.id == grant.application) {
                    None => {
                        list.push(connected(grant.application, grant.scope, None, Some(grant.granted_at)));
                    }
                    Some(known) => {
                        // The newest comes first; an older one may cover more.
                        known.signed_in_at = known.signed_in_at.or(Some(grant.granted_at));
                        known.scope = grant.scope.iter().fold(known.scope.clone(), ScopeSet::with);
                    }
                }
            }
            let mut named = Vec::new();
            for one in list {
                if let Some(application) = applications::by_id(tx, one.id)? {
                    named.push(Connected { name: application.name, ..one });
                }
            }
            Ok(named)
        })
        .await
        .map_err(Into::into)
}

/// Takes it back: the application has to ask again, and every token that it has for this account is worthless now. `false`
/// where there is nothing to take back.
pub async fn withdraw(
    s: &Services,
    session: OwnSession,
    id: ApplicationId,
    origin: &Origin,
) -> Result<bool, Fault> {
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            let user = session.user();
            users::take_turn(tx, user)?;
            let agreed = consents::withdraw(tx, &session, id)?;
            let ended = grants::end_of_application(tx, user, id)?;
            if !agreed && ended == 0 {
                return Ok(false);
            }
            let name = applications::by_id(tx, id)?.map(|application| application.name);
            let detail = Detail { text: name, ..Detail::default() };
            activity::record(tx, user, EventKind::ConsentWithdrawn, detail, origin, now)?;
            Ok(true)
        })
        .await
        .map_err(Into::into)
}
