//! *Connected applications*: what people have let applications learn or do, and how they take it back.

use crate::{Fault, Services, activity};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::ApplicationId,
    oauth::{OauthScope, ScopeSet},
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
}

/// The applications that the account holder has agreed to, or that can go on after they have signed out.
pub async fn list(s: &Services, session: &OwnSession) -> Result<Vec<Connected>, Fault> {
    let (user, now) = (session.user(), s.now());
    s.store
        .read(move |tx| {
            let mut list = Vec::new();
            for consent in consents::list(tx, user)? {
                list.push((consent.application, consent.scope, Some(consent.at)));
            }
            for id in grants::offline(tx, user, now)? {
                if list.iter().all(|(known, ..)| *known != id) {
                    list.push((id, ScopeSet::default().with(OauthScope::OfflineAccess), None));
                }
            }
            let mut named = Vec::new();
            for (id, scope, agreed_at) in list {
                if let Some(application) = applications::by_id(tx, id)? {
                    named.push(Connected { id, name: application.name, scope, agreed_at });
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
