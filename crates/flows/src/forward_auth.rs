//! Sites behind a reverse proxy, which asks here who may see a page (forward authentication).
//!
//! This server's own cookie is for its own host alone, so a site never sees it. Each site has a cookie of its own, for
//! which a ticket was spent; both are bound to the session, and end with it.
//!
//! ```text
//!   a page of the site ─(no cookie)─► the site's /.countersign/start: a nonce in a cookie there
//!         ▲                                    │
//!         │                                    ▼
//!         │                 this server: signs in, gives a ticket (one minute, this session, site and nonce)
//!         │                                    │
//!         └──────(cookie of the site)◄── the site's /.countersign/finish: the nonce fits, the ticket is spent
//! ```
//!
//! The nonce is what keeps a stranger from sending somebody a link that signs them in to the stranger's own account.

use crate::{
    Fault, Services, identity, members, second_step,
    security_log::{Entry, Event},
};
use countersign_core::{
    assurance::{PasswordOrigin, assurance},
    ids::{OrganizationId, UserId},
    role::Role,
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    session::Session,
    site_access::{Decision, Level, Rules, Visitor},
};
use countersign_store::{StoreError, sites, users};
use std::time::Duration;

/// How long a ticket can be spent: a redirect does not dawdle.
const TICKET: Duration = Duration::from_secs(60);

/// A site whose pages are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its origin, as browsers write it.
    pub origin: String,
    /// Who may see what.
    pub rules: Rules,
    /// An administrator may enter it in a member's account ("login as"): the operator says that it honors the actor.
    pub accepts_login_as: bool,
}

/// Who asks for a page, as the site is told.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account.
    pub user: UserId,
    /// Its address.
    pub email: String,
    /// Its holder's name.
    pub name: String,
    /// The memberships that count.
    pub memberships: Vec<(OrganizationId, Role)>,
    /// How the person at the keyboard signed in (RFC 8176).
    pub amr: &'static [&'static str],
    /// In a "login as": who is really at the keyboard.
    pub actor: Option<UserId>,
}

/// The answer to a proxy.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The page may be seen: by everyone (and then there may be nobody), or by this one.
    Seen(Option<Identity>),
    /// Somebody has to sign in first.
    SignIn,
    /// More has to be shown first.
    StepUp,
    /// Not for this one.
    Forbidden,
    /// The path could mean more than one thing.
    Refused,
}

/// The site with this origin.
pub fn site<'a>(s: &'a Services, origin: &str) -> Option<&'a Site> {
    s.rules.sites.iter().find(|site| site.origin == origin)
}

/// Whether the holder of the site's cookie may see a page.
pub async fn look(
    s: &Services,
    site: &Site,
    path: &str,
    cookie: Option<&PlainHandle>,
) -> Result<Answer, Fault> {
    let identity = match cookie {
        None => None,
        Some(cookie) => identity_of(s, &site.origin, cookie).await?,
    };
    // The site accepted it when the cookie was given, and no longer does. It learns nothing, and shows what everyone sees.
    let denied =
        identity.as_ref().is_some_and(|(identity, _)| identity.actor.is_some()) && !site.accepts_login_as;
    let identity = identity.filter(|_| !denied);
    let visitor = identity
        .as_ref()
        .map(|(identity, level)| Visitor { level: *level, memberships: identity.memberships.clone() });
    let decision = site.rules.decide(path, visitor.as_ref());
    metrics::counter!("countersign_forward_auth_total", "outcome" => decision.as_str()).increment(1);
    if matches!(decision, Decision::Forbidden | Decision::Refused) {
        let account = identity.as_ref().map(|(identity, _)| identity.user);
        Entry::new(Event::ForwardAuth, decision.as_str()).account(account).log();
    }
    Ok(match decision {
        Decision::Open | Decision::Allowed => Answer::Seen(identity.map(|(identity, _)| identity)),
        Decision::SignIn if denied => Answer::Forbidden,
        Decision::SignIn => Answer::SignIn,
        Decision::StepUp => Answer::StepUp,
        Decision::Forbidden => Answer::Forbidden,
        Decision::Refused => Answer::Refused,
    })
}

/// Who is behind a site's cookie, and which level the session has reached.
async fn identity_of(
    s: &Services,
    origin: &str,
    cookie: &PlainHandle,
) -> Result<Option<(Identity, Level)>, Fault> {
    let (stored, site) = (cookie.stored(), origin.to_owned());
    match identity::live(s, move |tx| sites::session(tx, &stored, &site)).await? {
        None => Ok(None),
        Some(session) => facts(s, &session).await.map(Some),
    }
}

/// What a session says about who is there, and which level it has reached. In a "login as" that is the level of the
/// administrator's own session.
async fn facts(s: &Services, session: &Session) -> Result<(Identity, Level), Fault> {
    let record = session.record().clone();
    s.store
        .read(move |tx| {
            let user = users::by_id(tx, record.user)?.ok_or(StoreError::Corrupt("a session's user"))?;
            let login_as = record.login_as.as_ref();
            let memberships =
                members::counting(tx, record.user, login_as.map(|login_as| login_as.organization))?;
            let reached = identity::at_keyboard(tx, &record)?
                .map_or(assurance(PasswordOrigin::Chosen, None), |own| own.proofs().assurance());
            let identity = Identity {
                user: user.id,
                email: user.email.to_string(),
                name: user.name,
                memberships: memberships.into_iter().map(|one| (one.organization, one.role)).collect(),
                amr: reached.amr,
                actor: login_as.map(|login_as| login_as.actor),
            };
            Ok((identity, reached.level()))
        })
        .await
        .map_err(Into::into)
}

/// Where somebody with a session goes who wants to see a page of a site.
#[derive(Debug)]
pub enum Way {
    /// To the site, with this ticket.
    In(PlainHandle),
    /// To a step-up first, which asks for a second step that is enough.
    StepUp,
    /// To *My Profile*, to set up a second step: the account has none that works and is enough for the page.
    SetUp {
        /// It has email, which is not enough.
        has_email: bool,
    },
    /// Nowhere: the page is not for this account, or not in a "login as".
    Forbidden,
    /// Nowhere: the site accepts no "login as".
    LoginAsDenied,
    /// To the sign-in: the session has ended meanwhile.
    SignIn,
}

/// Why somebody does not see a page, as far as this server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody is signed in.
    Nobody,
    /// The page is not for this account, or not in a "login as".
    Forbidden,
    /// The site accepts no "login as".
    LoginAsDenied,
    /// A second step has to be shown first, which a new try asks for.
    StepUp,
    /// Its path could mean more than one thing.
    Ambiguous,
    /// Not because of the rules: the site itself refuses it, or asked about another session than this one.
    Unknown,
}

/// Why the holder of this session, or nobody, was refused the page `path`.
pub async fn why(s: &Services, session: Option<&Session>, site: &Site, path: &str) -> Result<Why, Fault> {
    let visitor = match session {
        None => None,
        Some(session) => {
            let (identity, level) = facts(s, session).await?;
            Some(Visitor { level, memberships: identity.memberships })
        }
    };
    let own = matches!(session, Some(Session::Own(_)));
    if session.is_some() && !own && !site.accepts_login_as {
        return Ok(Why::LoginAsDenied);
    }
    Ok(match site.rules.decide(path, visitor.as_ref()) {
        Decision::Refused => Why::Ambiguous,
        Decision::SignIn => Why::Nobody,
        Decision::Forbidden => Why::Forbidden,
        Decision::StepUp if !own => Why::Forbidden,
        Decision::StepUp => Why::StepUp,
        Decision::Open | Decision::Allowed => Why::Unknown,
    })
}

/// Decides where this session's holder goes who wants to see the page `path`, and gives the ticket.
pub async fn way(
    s: &Services,
    session: Session,
    site: &Site,
    path: &str,
    nonce: &StoredHandle,
) -> Result<Way, Fault> {
    let own = match &session {
        Session::Own(own) => Some(own.user()),
        Session::Impersonated(_) if !site.accepts_login_as => return Ok(Way::LoginAsDenied),
        Session::Impersonated(_) => None,
    };
    let (identity, level) = facts(s, &session).await?;
    let visitor = Visitor { level, memberships: identity.memberships };
    match (site.rules.decide(path, Some(&visitor)), own) {
        // Whoever is here has signed in: to be told to, and then given a ticket, would be a mistake in the rules.
        (Decision::Forbidden | Decision::Refused | Decision::SignIn, _) | (Decision::StepUp, None) => {
            return Ok(Way::Forbidden);
        }
        (Decision::StepUp, Some(user)) => {
            return step_up_or_set_up(s, user, site.rules.level(path)).await;
        }
        (Decision::Open | Decision::Allowed, _) => {}
    }
    Ok(ticket(s, session, site, nonce).await?.map_or(Way::SignIn, Way::In))
}

/// Whether a step-up leads on to a page that wants this level.
async fn step_up_or_set_up(s: &Services, user: UserId, wanted: Level) -> Result<Way, Fault> {
    let (steps, permitted) =
        (s.store.read(move |tx| second_step::facts(tx, user)).await?, second_step::permitted(s));
    let usable = steps.usable(&permitted);
    // Where all that was set up is disabled, the step-up says so.
    let all_disabled = usable.is_empty() && steps.is_due(&permitted);
    if all_disabled || steps.can_reach(&permitted, wanted) {
        return Ok(Way::StepUp);
    }
    Ok(Way::SetUp { has_email: usable.contains(&Method::Email) })
}

/// A ticket to a site, for the browser that holds the nonce there; `None` if the session has ended meanwhile.
async fn ticket(
    s: &Services,
    session: Session,
    site: &Site,
    nonce: &StoredHandle,
) -> Result<Option<PlainHandle>, Fault> {
    let ticket = PlainHandle::generate(&*s.entropy);
    let (stored, origin, nonce, expires_at) =
        (ticket.stored(), site.origin.clone(), *nonce, s.now().plus(TICKET));
    let made = s
        .store
        .write(move |tx| sites::insert_ticket(tx, &session, &stored, &origin, &nonce, expires_at))
        .await?;
    Ok(made.then_some(ticket))
}

/// Spends a ticket: the handle for the site's cookie. `None` for a ticket that is unknown, spent, too old, another
/// site's or another browser's.
pub async fn enter(
    s: &Services,
    site: &Site,
    ticket: &PlainHandle,
    nonce: &PlainHandle,
) -> Result<Option<PlainHandle>, Fault> {
    let cookie = PlainHandle::generate(&*s.entropy);
    let (now, origin) = (s.now(), site.origin.clone());
    let (ticket, nonce, stored) = (ticket.stored(), nonce.stored(), cookie.stored());
    let entered = s.store.write(move |tx| sites::enter(tx, &ticket, &origin, &nonce, &stored, now)).await?;
    Ok(entered.then_some(cookie))
}
