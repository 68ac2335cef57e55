//! What applications do that sign people in themselves: on both engines, because most of it is who comes first.

mod bursts;
mod challenges;
mod holder;
mod hosted;
mod idempotency;
mod users;

use crate::world::{MINUTE, World, app_code, origin};
use countersign_core::{
    application::{AddressKind, ExternalId, Scope, Scopes},
    application_challenge::Pending,
    authority::{ApplicationAuthority, OperatorAuthority},
    ids::{ApplicationChallengeId, ApplicationId},
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    session::HolderSession,
};
use countersign_flows::{
    Recorder,
    applications::{self, AddressOutcome, KeyDraft, KeyOutcome, RegisterOutcome},
    second_step::SendOutcome,
    service::{
        self, Caller,
        authenticators::{self, ConfirmApp},
        challenges::{ChallengeDraft, ChallengeView, CreateOutcome, VerifyOutcome},
        holder::{Basis, TokenOutcome},
        hosted::{HostedOutcome, Stage, Visit},
        users::{PutOutcome, UserView},
    },
};
use std::{sync::Mutex, time::Duration};

/// Where a hosted second step leads back to.
const BACK: &str = "https://crm.example/signed-in?tenant=7";

/// An app shows another code.
const STEP: Duration = Duration::from_secs(30);

/// An application with a key, in a world.
struct Crm<'a> {
    world: &'a World,
    id: ApplicationId,
    key: String,
    caller: Caller,
    /// The cookie of the browser that looks at the hosted pages.
    browser: Mutex<Option<StoredHandle>>,
}

async fn authority(world: &World) -> ApplicationAuthority {
    let operator = OperatorAuthority::at_the_console();
    applications::operators_authority(&world.s, &operator, None, false, false).await.unwrap().unwrap()
}

/// A new key of the application that allows this.
async fn key(world: &World, application: ApplicationId, scopes: &[Scope]) -> (String, Caller) {
    let scopes = Scopes::new(scopes.iter().copied()).unwrap();
    let draft = KeyDraft { name: "Server".into(), scopes, lifetime: None };
    let authority = authority(world).await;
    let made = applications::make_key(&world.s, authority, application, draft, &origin()).await.unwrap();
    let KeyOutcome::Made(made) = made else { panic!("{made:?}") };
    // What the owners are told about such a key is looked at elsewhere.
    world.mail().await;
    let key = made.key.to_string();
    let caller = service::caller(&world.s, &key).await.unwrap().unwrap();
    (key, caller)
}

impl<'a> Crm<'a> {
    /// Registers an application of this name, with an address and a key that allows everything.
    async fn new(world: &'a World, name: &str) -> Self {
        Self::registered(world, name, false).await
    }

    /// The same, which requires an authenticator app.
    async fn requiring_app(world: &'a World, name: &str) -> Self {
        Self::registered(world, name, true).await
    }

    async fn registered(world: &'a World, name: &str, app_required: bool) -> Self {
        let (s, from) = (&world.s, origin());
        let registered =
            applications::register(s, authority(world).await, name, app_required, &from).await.unwrap();
        let RegisterOutcome::Registered(id) = registered else { panic!("{registered:?}") };
        let kind = AddressKind::SecondStep;
        let added =
            applications::add_address(s, authority(world).await, id, kind, BACK, &from).await.unwrap();
        assert_eq!(added, AddressOutcome::Added);
        let (key, caller) = key(world, id, Scope::ALL).await;
        Self { world, id, key, caller, browser: Mutex::default() }
    }

    /// The same application by a key that allows only this, and in a browser without a cookie.
    async fn by_key(&self, scopes: &[Scope]) -> Self {
        let (key, caller) = key(self.world, self.id, scopes).await;
        Self { world: self.world, id: self.id, key, caller, browser: Mutex::default() }
    }

    /// The same application, looked at in another browser.
    fn in_another_browser(&self) -> Self {
        let (key, caller) = (self.key.clone(), self.caller.clone());
        Self { world: self.world, id: self.id, key, caller, browser: Mutex::default() }
    }

    /// The browser keeps a cookie that it is given.
    fn keep(&self, browser: &PlainHandle) {
        *self.browser.lock().unwrap() = Some(browser.stored());
    }

    fn cookie(&self) -> Option<StoredHandle> {
        *self.browser.lock().unwrap()
    }

    async fn remove_address(&self) {
        let (kind, authority) = (AddressKind::SecondStep, authority(self.world).await);
        let removed =
            applications::remove_address(&self.world.s, authority, self.id, kind, BACK, &origin()).await;
        assert!(removed.unwrap());
    }

    async fn switch(&self, active: bool) {
        let authority = authority(self.world).await;
        assert!(
            applications::set_active(&self.world.s, authority, self.id, active, &origin()).await.unwrap()
        );
    }

    async fn put(&self, user: &str, email: &str, holder: Option<&HolderSession>) -> PutOutcome {
        service::users::put(&self.world.s, &self.caller, &id(user), email, "Mia Lund", holder, &origin())
            .await
            .unwrap()
    }

    /// Makes somebody known, with an address of the same name.
    async fn know(&self, user: &str) -> UserView {
        match self.put(user, &format!("{user}@crm.example"), None).await {
            PutOutcome::Created(view) => view,
            other => panic!("{other:?}"),
        }
    }

    async fn user(&self, user: &str) -> UserView {
        service::users::get(&self.world.s, &self.caller, &id(user)).await.unwrap().unwrap()
    }

    async fn set_active(&self, user: &str, active: bool) -> bool {
        service::users::set_active(&self.world.s, &self.caller, &id(user), active, Recorder::unkept())
            .await
            .unwrap()
            .is_some()
    }

    async fn token(&self, user: &str, basis: Basis) -> TokenOutcome {
        service::holder::token(&self.world.s, &self.caller, &id(user), basis, &origin(), Recorder::unkept())
            .await
            .unwrap()
    }

    async fn holder(&self, user: &str, token: &str) -> Option<HolderSession> {
        service::holder::holder(&self.world.s, &self.caller, &id(user), token).await.unwrap()
    }

    /// A token's session that is known to be issued.
    async fn issued(&self, user: &str, basis: Basis) -> HolderSession {
        match self.token(user, basis).await {
            TokenOutcome::Issued { token, .. } => self.holder(user, &token).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Sets up the first app: its key, of which the present code is not spent.
    async fn with_app(&self, user: &str) -> String {
        let s = &self.world.s;
        let holder = self.issued(user, Basis::FirstEnrolment).await;
        let pending = authenticators::begin_app(s, &holder, Recorder::unkept()).await.unwrap().unwrap();
        let (key, now) = (pending.key.to_string(), s.now());
        let code = app_code(&key, now);
        let confirmed = authenticators::confirm_app(
            s,
            &holder,
            pending.id,
            &code,
            "Phone",
            &origin(),
            Recorder::unkept(),
        )
        .await;
        assert!(matches!(confirmed.unwrap(), ConfirmApp::Added { backup_codes: Some(_), .. }));
        self.world.advance(STEP);
        key
    }

    async fn create(&self, draft: ChallengeDraft) -> CreateOutcome {
        service::challenges::create(&self.world.s, &self.caller, draft, Recorder::unkept()).await.unwrap()
    }

    async fn created(&self, draft: ChallengeDraft) -> ChallengeView {
        match self.create(draft).await {
            CreateOutcome::Created(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// A challenge on the application's own pages.
    async fn headless(&self, user: &str) -> ApplicationChallengeId {
        self.created(headless(user)).await.id
    }

    /// A challenge on this server's pages: its id, and what its address holds.
    async fn hosted(&self, draft: ChallengeDraft) -> (ApplicationChallengeId, PlainHandle) {
        let view = self.created(draft).await;
        let url = view.url.unwrap();
        let handle = url.strip_prefix("https://sign-in.example/second-step/").unwrap();
        (view.id, PlainHandle::parse(handle).unwrap())
    }

    async fn verify(&self, challenge: ApplicationChallengeId, method: Method, code: &str) -> VerifyOutcome {
        service::challenges::verify(
            &self.world.s,
            &self.caller,
            challenge,
            method,
            code,
            &origin(),
            Recorder::unkept(),
        )
        .await
        .unwrap()
    }

    /// A headless challenge that the account holder has just answered with this app.
    async fn answered(&self, user: &str, key: &str) -> ApplicationChallengeId {
        self.world.advance(STEP);
        let challenge = self.headless(user).await;
        let outcome = self.verify(challenge, Method::App, &self.code(key)).await;
        assert!(matches!(outcome, VerifyOutcome::Verified(_)), "{outcome:?}");
        challenge
    }

    /// What the app shows now.
    fn code(&self, key: &str) -> String {
        app_code(key, self.world.s.now())
    }

    async fn visit(&self, handle: &PlainHandle) -> Option<Visit> {
        service::hosted::visit(&self.world.s, handle, self.cookie()).await.unwrap()
    }

    async fn stage(&self, handle: &PlainHandle) -> Stage {
        self.visit(handle).await.unwrap().stage
    }

    /// Shows the code by e-mail that is due before the set-up.
    async fn shown(&self, handle: &PlainHandle) {
        let s = &self.world.s;
        let Stage::Show(pending) = self.stage(handle).await else { panic!("not to be shown") };
        self.world.mail().await;
        let sent = service::hosted::send_code(s, &pending, Method::Email, &origin()).await.unwrap();
        assert_eq!(sent, SendOutcome::Sent);
        let (_, code) = self.world.secret().await;
        let outcome = service::hosted::verify(s, pending, Method::Email, &code, &origin()).await.unwrap();
        let HostedOutcome::SetUp(browser) = outcome else { panic!("{outcome:?}") };
        self.keep(&browser);
    }

    /// Begins a set-up, or begins it again; whether there was something to begin.
    async fn begin(&self, handle: &PlainHandle) -> bool {
        let (Stage::SetUp(pending) | Stage::SettingUp(pending, _)) = self.stage(handle).await else {
            panic!("not to be set up")
        };
        self.begins(pending).await
    }

    async fn begins(&self, pending: Pending) -> bool {
        let begun =
            service::hosted::begin_set_up(&self.world.s, pending, self.cookie(), &origin()).await.unwrap();
        let Some(begun) = begun else { return false };
        if let Some(browser) = &begun.browser {
            self.keep(browser);
        }
        true
    }

    async fn redeem(&self, result: &str) -> Option<service::challenges::Verified> {
        service::challenges::redeem(&self.world.s, &self.caller, result, Recorder::unkept()).await.unwrap()
    }
}

fn id(text: &str) -> ExternalId {
    text.parse().unwrap()
}

fn headless(user: &str) -> ChallengeDraft {
    ChallengeDraft { user: id(user), actor: None, return_to: None, state: None, set_up: None }
}

fn hosted(user: &str) -> ChallengeDraft {
    let (return_to, state) = (Some(BACK.to_owned()), Some("a b&c".to_owned()));
    ChallengeDraft { return_to, state, ..headless(user) }
}

/// The same for somebody who is to set up an app.
fn set_up(user: &str) -> ChallengeDraft {
    ChallengeDraft { set_up: Some(true), ..hosted(user) }
}

fn in_login_as(draft: ChallengeDraft, actor: &str) -> ChallengeDraft {
    ChallengeDraft { actor: Some(id(actor)), ..draft }
}

/// The result in an address to go to.
fn result(outcome: HostedOutcome) -> String {
    let HostedOutcome::Back(address) = outcome else { panic!("{outcome:?}") };
    let rest = address.strip_prefix("https://crm.example/signed-in?tenant=7&result=").unwrap();
    rest.strip_suffix("&state=a+b%26c").unwrap().to_owned()
}

#[tokio::test]
async fn a_key_names_its_application_until_either_is_switched_off() {
    crate::world::on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        assert_eq!(crm.caller.application().name, "Harbour CRM");
        for wrong in ["", "csk_", &crm.key[4..], &crm.key[..crm.key.len() - 1], &format!("{}A", crm.key)] {
            assert!(service::caller(&world.s, wrong).await.unwrap().is_none(), "{wrong}");
        }
        crm.switch(false).await;
        assert!(service::caller(&world.s, &crm.key).await.unwrap().is_none());
        crm.switch(true).await;
        assert!(service::caller(&world.s, &crm.key).await.unwrap().is_some());
        world.advance(MINUTE);
        let key = crm.caller.key();
        let revoked =
            applications::revoke_key(&world.s, authority(world).await, crm.id, key, &origin()).await.unwrap();
        assert!(revoked);
        assert!(service::caller(&world.s, &crm.key).await.unwrap().is_none());
    })
    .await;
}
