//! `/oauth2/authorize`: from a request to a code, an error, or a detour that leads back to the same request.

pub use super::request::NotAClient;
use super::{
    CODE_LIFETIME, Kind, OFFLINE_LIFETIME, Parameters, asked,
    live::{admitted, login_as_denied},
    request::{Asker, Request},
};
use crate::{Fault, Services, activity, identity, second_step};
use countersign_core::{
    Timestamp,
    application::{ClientAuth, ReturnAddress},
    assurance::{Acr, Statement},
    authorization::{AuthorizeError, Facts, NextStep, Present},
    event::{Detail, EventKind, Origin},
    ids::{ApplicationId, GrantId, UserId},
    oauth::{LoginAsDenied, OauthScope, ScopeSet},
    session::{OwnSession, Session},
    site_access::Level,
};
use countersign_store::{
    StoreError, StoreResult, Tx,
    applications::Application,
    authorization_codes::{self, AuthorizationCode},
    consents,
    grants::{self, NewGrant},
    members, users,
};

/// What follows a request.
#[derive(Debug)]
pub enum Outcome {
    /// A page of our own: nobody is sent anywhere.
    NotAClient(NotAClient),
    /// Back to the application, with a code or an error.
    Back(String),
    /// To the sign-in, and back to this path.
    SignIn {
        /// The path.
        return_to: String,
    },
    /// To the identity proof, and back to this path.
    StepUp {
        /// The path.
        return_to: String,
    },
    /// Ask whether they agree, or whether they want to go on.
    Consent(ConsentView),
    /// A page for the administrator: a "login as" does not enter this application.
    LoginAsDenied(DeniedView),
}

/// What the page says to an administrator whose "login as" does not enter an application.
#[derive(Clone, Debug)]
pub struct DeniedView {
    /// The application's name.
    pub application: String,
    /// Why.
    pub why: LoginAsDenied,
    /// Back to the application, with `access_denied`.
    pub back: String,
}

/// What the page says that is shown before a code.
#[derive(Clone, Debug)]
pub struct ConsentView {
    /// The application's name.
    pub application: String,
    /// The organization that registered it.
    pub organization: String,
    /// They agreed before, and are only asked whether they want to go on to this application.
    pub agreed: bool,
    /// What it asks for.
    pub scope: ScopeSet,
    /// The request, as a query: what the page's form carries.
    pub request: String,
    /// The registered address to which the answer goes.
    pub redirect_uri: ReturnAddress,
}

/// What was looked up for the decision.
struct Known {
    present: Present,
    admitted: bool,
    login_as_denied: Option<LoginAsDenied>,
    has_factor: bool,
    agreed_at: Option<Timestamp>,
    organization: String,
}

/// A request that was read.
struct Asked {
    /// As it came, without the moment at which it was first seen.
    bare: Parameters,
    /// That moment.
    asked_at: Timestamp,
    asker: Asker,
    request: Request,
}

/// Reads a request, or says what follows from what is wrong with it.
async fn read(s: &Services, parameters: &Parameters) -> Result<Result<Asked, Outcome>, Fault> {
    let (bare, asked_at) = asked::read(s, parameters);
    let asker = match Asker::find(s, &bare).await? {
        Ok(asker) => asker,
        Err(refusal) => return Ok(Err(Outcome::NotAClient(refusal))),
    };
    Ok(match Request::read(s, &bare).await? {
        Ok(request) => Ok(Asked { bare, asked_at, asker, request }),
        Err(error) => Err(refused(s, &asker, error)),
    })
}

/// Decides what follows, and does it.
pub async fn authorize(
    s: &Services,
    parameters: &Parameters,
    session: Option<Session>,
    origin: &Origin,
) -> Result<Outcome, Fault> {
    let asked = match read(s, parameters).await? {
        Ok(asked) => asked,
        Err(outcome) => return Ok(outcome),
    };
    if asked.bare.get(CANCELLED).is_some() {
        return Ok(refused(s, &asked.asker, AuthorizeError::AccessDenied));
    }
    go_on(s, &asked, session, false, origin).await
}

/// What follows for the one who is present; `page_answered` says whether they answered this request on a page.
async fn go_on(
    s: &Services,
    asked: &Asked,
    session: Option<Session>,
    page_answered: bool,
    origin: &Origin,
) -> Result<Outcome, Fault> {
    let Asked { bare, asked_at, asker, request } = asked;
    // Another account is signed in than the one about which the application asks.
    if session.as_ref().is_some_and(|session| !request.may_be_about(session.record().user)) {
        return Ok(refused(s, asker, AuthorizeError::LoginRequired));
    }
    let known = look_up(s, &asker.application, request, session.as_ref()).await?;
    let next = facts(s, asked, &known, page_answered).next();
    let return_to = || format!("/oauth2/authorize?{}", asked::write(s, bare, *asked_at));
    Ok(match (next, session) {
        (NextStep::Issue(statement), Some(session)) => {
            match issue(s, asker, request, session, statement, origin).await? {
                Issued::Code(back) => Outcome::Back(back),
                Issued::SessionEnded => Outcome::SignIn { return_to: return_to() },
                // Once more from the beginning: they are asked again, or it is refused.
                Issued::Withdrawn => Outcome::Back(return_to()),
            }
        }
        (NextStep::SignIn | NextStep::Issue(_), _) => Outcome::SignIn { return_to: return_to() },
        (NextStep::StepUp, _) => Outcome::StepUp { return_to: return_to() },
        (NextStep::Consent | NextStep::Confirm, _) => Outcome::Consent(ConsentView {
            application: asker.application.name.clone(),
            organization: known.organization,
            agreed: next == NextStep::Confirm,
            scope: request.to_agree(),
            request: asked::write(s, bare, *asked_at),
            redirect_uri: asker.redirect_uri.clone(),
        }),
        (NextStep::Refuse(error), _) => refused(s, asker, error),
        (NextStep::DenyLoginAs(why), _) => {
            count("login-as-denied");
            tracing::info!(application = %asker.application.id, ?why, "a login as does not enter an application");
            let back = asker.refuse(s, AuthorizeError::AccessDenied);
            Outcome::LoginAsDenied(DeniedView { application: asker.application.name.clone(), why, back })
        }
    })
}

fn facts(s: &Services, asked: &Asked, known: &Known, page_answered: bool) -> Facts {
    let Asked { asked_at, asker, request, .. } = asked;
    let public = asker.application.client.as_ref().is_none_or(|client| client.auth == ClientAuth::None);
    Facts {
        present: known.present,
        admitted: known.admitted,
        login_as_denied: known.login_as_denied,
        prompt: request.prompt,
        demand: request.demand(*asked_at),
        has_factor: known.has_factor,
        first_party: asker.application.first_party,
        unproven_client: public && !asker.redirect_uri.is_https(),
        page_answered,
        agreed_at: known.agreed_at,
        asked_at: *asked_at,
        now: s.now(),
    }
}

/// The parameter with which the identity proof's *Cancel* leads back. It is ours and not the standard's; whoever else adds
/// it is told that access was denied.
pub const CANCELLED: &str = "cancelled";

fn refused(s: &Services, asker: &Asker, error: AuthorizeError) -> Outcome {
    count(error.as_str());
    tracing::info!(application = %asker.application.id, error = error.as_str(), "an authorization is refused");
    Outcome::Back(asker.refuse(s, error))
}

fn count(outcome: &'static str) {
    metrics::counter!("countersign_authorizations_total", "outcome" => outcome).increment(1);
}

async fn look_up(
    s: &Services,
    application: &Application,
    request: &Request,
    session: Option<&Session>,
) -> Result<Known, Fault> {
    let record = session.map(|session| session.record().clone());
    let (application, scope) = (application.clone(), request.to_agree());
    let permitted = second_step::permitted(s);
    s.store
        .read(move |tx| {
            let organization = members::organization_name(tx, application.organization)?
                .ok_or(StoreError::Corrupt("applications.organization_id"))?;
            let Some(record) = record else {
                let (present, agreed_at) = (Present::Nobody, None);
                let (admitted, login_as_denied, has_factor) = (false, None, false);
                return Ok(Known { present, admitted, login_as_denied, has_factor, agreed_at, organization });
            };
            let bound = record.login_as.as_ref().map(|login_as| login_as.organization);
            let present = match &record.login_as {
                None => Present::Holder(record.proofs()),
                // What the ID token says is what the person at the keyboard has shown, in their own session.
                Some(_) => match identity::at_keyboard(tx, &record)? {
                    Some(parked) => Present::Actor(parked.proofs()),
                    None => Present::Nobody,
                },
            };
            let steps = second_step::facts(tx, record.user)?;
            let agreed = consents::of(tx, record.user, application.id)?;
            Ok(Known {
                present,
                admitted: admitted(tx, &application, record.user, bound)?,
                login_as_denied: login_as_denied(&application, bound),
                has_factor: steps.can_reach(&permitted, Level::TwoFactor),
                agreed_at: agreed.filter(|agreed| agreed.scope.covers(&scope)).map(|agreed| agreed.at),
                organization,
            })
        })
        .await
        .map_err(Into::into)
}

/// What became of a code that was to be issued.
enum Issued {
    /// The address with it.
    Code(String),
    /// The session has ended meanwhile.
    SessionEnded,
    /// What the person had agreed to was taken back meanwhile.
    Withdrawn,
}

impl Issued {
    fn word(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::SessionEnded => "session-ended",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A code, in one write with the grant that it buys.
///
/// This is a change that a GET makes, because the protocol asks for it that way. It is harmless to be made to do it: the
/// code goes to a registered address of an application that this person may use and has agreed to, and is worth nothing
/// there without the verifier of the challenge (RFC 9700 §2.1.1, §4.7.1).
async fn issue(
    s: &Services,
    asker: &Asker,
    request: &Request,
    session: Session,
    statement: Statement,
    origin: &Origin,
) -> Result<Issued, Fault> {
    let (now, origin) = (s.now(), origin.clone());
    let (text, handle) = Kind::Code.draw(s);
    let own = matches!(session, Session::Own(_));
    let grant = wanted(s, asker, request, own, statement, now);
    let code = AuthorizationCode {
        grant: grant.id,
        redirect_uri: asker.redirect_uri.as_str().to_owned(),
        challenge: request.challenge,
        nonce: request.nonce.clone(),
    };
    let agreed_to = (!asker.application.first_party).then(|| request.to_agree());
    // A silent renewal every few minutes is nothing that anybody wants to read about.
    let told = (!request.prompt.none).then(|| asker.application.name.clone());
    let actor = session.record().login_as.as_ref().map(|login_as| login_as.actor);
    let answer = asker.answer(s, &[("code", text.as_str())]);
    let issued = s
        .store
        .write(move |tx| {
            let user = session.record().user;
            users::take_turn(tx, user)?;
            // Whoever takes it back takes this turn as well, and then ends what was granted: nothing may come after that.
            if let Some(scope) = agreed_to
                && !agrees(tx, user, grant.application, &scope)?
            {
                return Ok(Issued::Withdrawn);
            }
            if !grants::insert(tx, &session, &grant, now)? {
                return Ok(Issued::SessionEnded);
            }
            authorization_codes::insert(tx, &handle, &code, now.plus(CODE_LIFETIME))?;
            if let Some(name) = told {
                let detail = Detail { text: Some(name), ..Detail::default() };
                activity::record_by(tx, user, actor, EventKind::SignedInToApplication, detail, origin, now)?;
            }
            Ok(Issued::Code(answer))
        })
        .await?;
    count(issued.word());
    Ok(issued)
}

/// The grant that is wanted. Only in an own session does it go on without it.
fn wanted(
    s: &Services,
    asker: &Asker,
    request: &Request,
    own: bool,
    statement: Statement,
    now: Timestamp,
) -> NewGrant {
    let offline = own && request.scope.has(OauthScope::OfflineAccess);
    let scope = request.scope.clone();
    NewGrant {
        id: GrantId::generate(now, &*s.entropy),
        application: asker.application.id,
        scope: if offline { scope } else { scope.without(OauthScope::OfflineAccess) },
        claims: request.requested.to_text(),
        statement,
        offline_until: offline.then(|| now.plus(OFFLINE_LIFETIME)),
    }
}

/// Whether the person agrees to all of this.
fn agrees(tx: &mut Tx<'_>, user: UserId, application: ApplicationId, scope: &ScopeSet) -> StoreResult<bool> {
    Ok(consents::of(tx, user, application)?.is_some_and(|agreed| agreed.scope.covers(scope)))
}

/// The account holder's answer on the page, to the request that the page carried. That is read once more, as if it had just
/// arrived, and then it goes on from here: nothing but this answer counts as having seen a page for this request.
pub async fn answered(
    s: &Services,
    parameters: &Parameters,
    session: OwnSession,
    agrees: bool,
    origin: &Origin,
) -> Result<Outcome, Fault> {
    let asked = match read(s, parameters).await? {
        Ok(asked) => asked,
        Err(outcome) => return Ok(outcome),
    };
    if !agrees {
        return Ok(refused(s, &asked.asker, AuthorizeError::AccessDenied));
    }
    let session = Session::Own(session);
    let known = look_up(s, &asked.asker.application, &asked.request, Some(&session)).await?;
    let session = match (facts(s, &asked, &known, true).next(), session) {
        (NextStep::Consent, Session::Own(own)) => Session::Own(agree(s, &asked, own, origin).await?),
        (_, session) => session,
    };
    go_on(s, &asked, Some(session), true, origin).await
}

/// Stores that they agree.
async fn agree(
    s: &Services,
    asked: &Asked,
    session: OwnSession,
    origin: &Origin,
) -> Result<OwnSession, Fault> {
    let (now, origin, scope) = (s.now(), origin.clone(), asked.request.to_agree());
    let application = &asked.asker.application;
    let (id, name) = (application.id, application.name.clone());
    s.store
        .write(move |tx| {
            let user = session.user();
            users::take_turn(tx, user)?;
            let before = consents::of(tx, user, id)?.map(|before| before.scope).unwrap_or_default();
            consents::give(tx, &session, id, &before.and(&scope), now)?;
            let detail = Detail { text: Some(name), ..Detail::default() };
            activity::record(tx, user, EventKind::ConsentGiven, detail, origin, now)?;
            Ok(session)
        })
        .await
        .map_err(Into::into)
}

/// A request that waits behind a detour, as the detour's page has to know it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The application's name.
    pub application: String,
    /// The registered address to which it will lead.
    pub redirect_uri: ReturnAddress,
    /// The level that a step-up has to reach.
    pub wanted: Level,
}

/// The request that waits; `None` for what is no request of a known client.
pub async fn waiting(s: &Services, parameters: &Parameters) -> Result<Option<Waiting>, Fault> {
    let (bare, _) = asked::read(s, parameters);
    let Ok(asker) = Asker::find(s, &bare).await? else { return Ok(None) };
    let wants = Request::parse(&bare).ok().and_then(|request| request.acceptable);
    let two_factor = wants.is_some_and(|list| list.first() == Some(&Acr::TwoFactor));
    let wanted = if two_factor { Level::TwoFactor } else { Level::OneStep };
    let (application, redirect_uri) = (asker.application.name, asker.redirect_uri);
    Ok(Some(Waiting { application, redirect_uri, wanted }))
}
