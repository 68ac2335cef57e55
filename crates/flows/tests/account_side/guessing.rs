//! Guessing passwords and codes: what is compared, what is not, and how the owner gets in all the same.

use crate::world::{
    GOOD, Letter, MINUTE, OTHER, Person, World, another_code, app_code, entered, on_both, origin, rules,
};
use countersign_core::{
    event::Origin,
    message::Content,
    second_step::Method,
    secret::PlainHandle,
    session::{OwnSession, Session},
    site_access::Level,
    throttle::Limits,
};
use countersign_flows::{
    Fault, Rules, Services, backup_codes, enrolment,
    hashing::{Hashing, HashingSettings, Share},
    identity,
    password_change::{self, PasswordChange},
    recovery,
    second_step::{CodeRefusal, SendOutcome},
    sign_in::{self, PasswordOutcome, VerifyOutcome, confirm_browser},
    step_up::{self, Entered, StepUpOutcome},
};
use countersign_store::{known_browsers, throttles};
use std::{net::IpAddr, time::Duration};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn from(address: IpAddr) -> Origin {
    Origin { address, user_agent: "a test".into() }
}

/// A network of its own for each number.
fn elsewhere(n: usize) -> Origin {
    from(IpAddr::from([10, 9, u8::try_from(n / 250).unwrap(), u8::try_from(n % 250).unwrap()]))
}

async fn attempt(
    s: &Services,
    email: &str,
    password: &str,
    origin: &Origin,
    browser: Option<&PlainHandle>,
) -> PasswordOutcome {
    let browser = browser.map(PlainHandle::stored);
    let attempt = sign_in::Attempt { email, password, return_to: None, origin, browser, replaces: None };
    sign_in::password(s, attempt).await.unwrap()
}

async fn a_hundred_wrong(world: &World, email: &str) {
    for n in 0..100 {
        let outcome = attempt(&world.s, email, GOOD, &elsewhere(n), None).await;
        assert!(matches!(outcome, PasswordOutcome::Wrong), "{n}: {outcome:?}");
    }
}

/// The token of the one link that has left for this person.
async fn link(world: &World, person: &Person) -> String {
    for _ in 0..10_000 {
        let mut mail = world.mail().await;
        if let Some(letter) = mail.pop() {
            assert!(mail.is_empty() && letter.to == person.email);
            let Content::ConfirmBrowser { link, .. } = letter.content else {
                panic!("not a link to confirm a browser")
            };
            return link.strip_prefix("https://sign-in.example/sign-in/confirm-browser/").unwrap().to_owned();
        }
        tokio::task::yield_now().await;
    }
    panic!("no link was sent")
}

async fn known_browser(world: &World, person: &Person) -> PlainHandle {
    let browser = PlainHandle::generate(&*world.s.entropy);
    let (stored, user, now) = (browser.stored(), person.id, world.s.now());
    world.s.store.write(move |tx| known_browsers::know(tx, &stored, user, &origin(), now)).await.unwrap();
    browser
}

/// Sets up an app and returns its key.
pub(crate) async fn with_app(world: &World, person: &Person) -> String {
    let (session, _) = world.session(person).await;
    enrolment::begin(&world.s, world.authority(&session), None).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    enrolment::confirm(&world.s, &session, entered(&code, "Phone"), &origin()).await.unwrap();
    world.advance(MINUTE);
    world.mail().await;
    key
}

async fn own_session(world: &World, handle: &PlainHandle) -> OwnSession {
    match identity::current(&world.s, handle).await.unwrap() {
        Some(Session::Own(session)) => session,
        other => panic!("{other:?}"),
    }
}

/// A sign-in of someone who has this password, in a browser that may be known.
struct SignIn<'a> {
    world: &'a World,
    handle: PlainHandle,
    browser: Option<&'a PlainHandle>,
}

impl<'a> SignIn<'a> {
    async fn begin(
        world: &'a World,
        person: &Person,
        password: &str,
        browser: Option<&'a PlainHandle>,
    ) -> Self {
        match attempt(&world.s, &person.email, password, &origin(), browser).await {
            PasswordOutcome::Challenged { handle, .. } => Self { world, handle, browser },
            other => panic!("{other:?}"),
        }
    }

    async fn code(&self, method: Method, code: &str) -> VerifyOutcome {
        let challenge = identity::waiting(&self.world.s, &self.handle).await.unwrap().unwrap();
        let browser = self.browser.map(PlainHandle::stored);
        sign_in::verify(&self.world.s, challenge, method, code, &origin(), browser).await.unwrap()
    }

    async fn wrong(&self, key: &str, times: usize) {
        for n in 0..times {
            let outcome = self.code(Method::App, another_code(&app_code(key, self.world.s.now()))).await;
            assert!(is_wrong(&outcome), "{n}: {outcome:?}");
        }
    }

    async fn right(&self, key: &str) -> VerifyOutcome {
        self.code(Method::App, &app_code(key, self.world.s.now())).await
    }
}

fn is_wrong(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Refused(CodeRefusal::Wrong | CodeRefusal::WrongNearPause { .. }))
}

/// What a wrong code says is left, and before how many minutes of pause.
fn left(outcome: &VerifyOutcome) -> Option<(u32, u64)> {
    match outcome {
        VerifyOutcome::Refused(CodeRefusal::WrongNearPause { left, pause }) => {
            Some((*left, pause.as_secs() / 60))
        }
        other => {
            assert!(is_wrong(other), "{other:?}");
            None
        }
    }
}

fn closed(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Refused(CodeRefusal::Closed { .. }))
}

#[tokio::test]
async fn after_a_hundred_wrong_passwords_an_unknown_browser_is_never_told_which_is_right() {
    on_both(async |world| {
        let mia = world.mia();
        let home = known_browser(world, &mia).await;
        let nobody = "nobody@harbour-pine.example";
        a_hundred_wrong(world, &mia.email).await;
        a_hundred_wrong(world, nobody).await;
        world.advance(300 * DAY);
        let tries = [(mia.email.as_str(), mia.password.as_str()), (&mia.email, GOOD), (nobody, GOOD)];
        for (n, (email, password)) in tries.into_iter().enumerate() {
            let outcome = attempt(&world.s, email, password, &elsewhere(200 + n), None).await;
            assert!(matches!(outcome, PasswordOutcome::ConfirmBrowser), "{email}: {outcome:?}");
        }
        // A browser that the account knows goes on as before, and its password alone doesn't break the run.
        let known = attempt(&world.s, &mia.email, &mia.password, &origin(), Some(&home)).await;
        assert!(matches!(known, PasswordOutcome::Challenged { .. }), "{known:?}");
        let outcome = attempt(&world.s, &mia.email, &mia.password, &elsewhere(210), None).await;
        assert!(matches!(outcome, PasswordOutcome::ConfirmBrowser), "{outcome:?}");
    })
    .await;
}

#[tokio::test]
async fn a_link_to_the_mailbox_lets_one_browser_try_five_passwords() {
    on_both(async |world| {
        let mia = world.mia();
        a_hundred_wrong(world, &mia.email).await;
        let ask =
            async |browser| attempt(&world.s, &mia.email, &mia.password, &elsewhere(300), browser).await;
        assert!(matches!(ask(None).await, PasswordOutcome::ConfirmBrowser));
        let token = link(world, &mia).await;
        for _ in 0..2 {
            let seen = confirm_browser::account_of(&world.s, &token).await.unwrap();
            assert_eq!(seen.as_deref(), Some(mia.email.as_str()), "looking changes nothing");
        }
        let confirm = async |token: &str, browser: Option<&PlainHandle>| {
            let browser = browser.map(PlainHandle::stored);
            confirm_browser::confirm(&world.s, token, browser, None, &origin()).await.unwrap()
        };
        let confirmed = confirm(&token, None).await.unwrap().browser.unwrap();
        assert!(confirm(&token, None).await.is_none(), "a link works once");
        for n in 0..5 {
            let outcome = attempt(&world.s, &mia.email, GOOD, &elsewhere(300), Some(&confirmed)).await;
            assert!(matches!(outcome, PasswordOutcome::Wrong), "{n}: {outcome:?}");
        }
        assert!(matches!(ask(Some(&confirmed)).await, PasswordOutcome::ConfirmBrowser), "five, and no more");

        let token = link(world, &mia).await;
        assert!(confirm(&token, Some(&confirmed)).await.unwrap().browser.is_none());
        assert!(matches!(ask(None).await, PasswordOutcome::ConfirmBrowser), "in that browser only");
        let ben = attempt(&world.s, &world.ben().email, GOOD, &elsewhere(301), Some(&confirmed)).await;
        assert!(matches!(ben, PasswordOutcome::Wrong), "for that account only");
        world.advance(60 * MINUTE);
        assert!(matches!(ask(Some(&confirmed)).await, PasswordOutcome::ConfirmBrowser), "for an hour");
    })
    .await;
}

/// A finished sign-in breaks the run, and so does a new password. A right password that no second step follows doesn't.
#[tokio::test]
async fn a_finished_sign_in_or_a_new_password_breaks_the_run() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        let home = known_browser(world, &mia).await;
        let stopped = async |n| {
            let outcome = attempt(&world.s, &mia.email, OTHER, &elsewhere(n), None).await;
            matches!(outcome, PasswordOutcome::ConfirmBrowser)
        };
        a_hundred_wrong(world, &mia.email).await;
        let sign_in = SignIn::begin(world, &mia, &mia.password, Some(&home)).await;
        assert!(stopped(300).await);
        assert!(matches!(sign_in.right(&key).await, VerifyOutcome::SignedIn(_)));
        assert!(!stopped(301).await);

        world.advance(DAY);
        for n in 0..99 {
            attempt(&world.s, &mia.email, OTHER, &elsewhere(n), None).await;
        }
        assert!(stopped(302).await);
        world.mail().await;
        assert_eq!(world.request_link(&mia.email, &origin()).await, None);
        // The background may be sending a link to confirm a browser at this moment.
        let token = loop {
            let is_reset = |l: &Letter| matches!(l.content, Content::ResetPassword { .. });
            if let Some(letter) = world.mail().await.into_iter().find(is_reset) {
                let Content::ResetPassword { link, .. } = letter.content else {
                    continue;
                };
                break link.rsplit('/').next().unwrap().to_owned();
            }
        };
        recovery::reset(&world.s, &token, GOOD, &origin()).await.unwrap();
        assert!(!stopped(303).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_wrong_passwords_at_once_a_hundred_are_compared() {
    on_both(async |world| {
        let mia = world.mia();
        let (mut compared, mut stopped) = (0, 0);
        for round in 0..4 {
            let attempts: Vec<_> = (0..50)
                .map(|n| {
                    let (s, email) = (world.s.clone(), mia.email.clone());
                    tokio::spawn(
                        async move { attempt(&s, &email, GOOD, &elsewhere(50 * round + n), None).await },
                    )
                })
                .collect();
            for attempt in attempts {
                match attempt.await.unwrap() {
                    PasswordOutcome::Wrong => compared += 1,
                    PasswordOutcome::ConfirmBrowser => stopped += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((compared, stopped), (100, 100));
    })
    .await;
}

/// Each attempt from a /64 of its own: a /56 is allowed four times what one subscriber is, a /48 sixteen times.
#[tokio::test]
async fn a_wider_ipv6_network_is_counted_as_well() {
    let world = World::new().await;
    let email = world.mia().email;
    let from_text = |address: &str| from(address.parse().unwrap());
    let subnet_of = |home: u16, subnet: u16| from_text(&format!("2001:db8:1:{:x}::1", home * 0x100 + subnet));
    let mut compared = 0;
    for home in 0..10_u16 {
        for subnet in 0..50_u16 {
            match attempt(&world.s, &email, GOOD, &subnet_of(home, subnet), None).await {
                PasswordOutcome::Wrong => compared += 1,
                PasswordOutcome::Closed { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(compared, (20 * (i32::from(home) + 1)).min(80), "{home}");
    }
    let outside = from_text("2001:db8:2::1");
    assert!(matches!(attempt(&world.s, &email, GOOD, &outside, None).await, PasswordOutcome::Wrong));
}

#[tokio::test]
async fn someone_with_the_password_cannot_close_the_second_step_of_a_known_browser() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        let home = known_browser(world, &mia).await;
        let thief = SignIn::begin(world, &mia, &mia.password, None).await;
        thief.wrong(&key, 10).await;
        assert!(closed(&thief.right(&key).await));
        let owner = SignIn::begin(world, &mia, &mia.password, Some(&home)).await;
        owner.wrong(&key, 4).await;
        let VerifyOutcome::SignedIn(signed_in) = owner.right(&key).await else { panic!("locked out") };
        world.advance(MINUTE);
        assert!(closed(&thief.right(&key).await), "the pause goes on for everyone else");

        // The step-up of that session has the browser's budget as well, and only in that browser.
        let session = own_session(world, &signed_in.session).await;
        let code = app_code(&key, world.s.now());
        let entered = |code, browser: Option<&PlainHandle>| Entered {
            password: &mia.password,
            method: Some(Method::App),
            code,
            browser: browser.map(PlainHandle::stored),
        };
        let step_up = async |entered| {
            step_up::confirm(&world.s, &session, entered, Level::OneStep, &origin()).await.unwrap()
        };
        let elsewhere = step_up(entered(&code, None)).await;
        assert!(matches!(elsewhere, StepUpOutcome::Code(CodeRefusal::Closed { .. })), "{elsewhere:?}");
        for _ in 0..5 {
            let wrong = step_up(entered(another_code(&code), Some(&home))).await;
            assert!(
                matches!(wrong, StepUpOutcome::Code(CodeRefusal::Wrong | CodeRefusal::WrongNearPause { .. })),
                "{wrong:?}"
            );
        }
        let sixth = step_up(entered(&code, Some(&home))).await;
        assert!(matches!(sixth, StepUpOutcome::Code(CodeRefusal::Closed { .. })), "{sixth:?}");
    })
    .await;
}

/// Codes by SMS and email can be sent to someone whose browser has a budget left.
#[tokio::test]
async fn a_known_browser_is_sent_a_code_while_the_others_wait() {
    let world = World::new().await;
    let mia = world.mia();
    let key = with_app(&world, &mia).await;
    let home = known_browser(&world, &mia).await;
    let thief = SignIn::begin(&world, &mia, &mia.password, None).await;
    thief.wrong(&key, 10).await;
    let send = async |sign_in: &SignIn<'_>| {
        let challenge = identity::waiting(&world.s, &sign_in.handle).await.unwrap().unwrap();
        let browser = sign_in.browser.map(PlainHandle::stored);
        sign_in::send_code(&world.s, &challenge, Method::Email, &origin(), browser).await.unwrap()
    };
    assert!(matches!(send(&thief).await, SendOutcome::Closed { .. }));
    let owner = SignIn::begin(&world, &mia, &mia.password, Some(&home)).await;
    assert_eq!(send(&owner).await, SendOutcome::Sent);
}

#[tokio::test]
async fn a_new_password_set_with_the_second_step_lifts_the_pause() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        let home = known_browser(world, &mia).await;
        SignIn::begin(world, &mia, &mia.password, None).await.wrong(&key, 10).await;

        // A session that hasn't shown a second step lifts nothing.
        let (session, _) = world.session(&mia).await;
        let authority = world.authority(&session);
        let changed = password_change::change(&world.s, authority, &mia.password, GOOD, &origin()).await;
        assert!(matches!(changed.unwrap(), PasswordChange::Changed { .. }));
        assert!(closed(&SignIn::begin(world, &mia, GOOD, None).await.right(&key).await));

        let (stored, user, now) = (home.stored(), mia.id, world.s.now());
        world.s.store.write(move |tx| known_browsers::know(tx, &stored, user, &origin(), now)).await.unwrap();
        let owner = SignIn::begin(world, &mia, GOOD, Some(&home)).await;
        let VerifyOutcome::SignedIn(signed_in) = owner.right(&key).await else { panic!("locked out") };
        let session = own_session(world, &signed_in.session).await;
        let authority = world.authority(&session);
        let changed = password_change::change(&world.s, authority, GOOD, OTHER, &origin()).await;
        assert!(matches!(changed.unwrap(), PasswordChange::Changed { .. }));
        world.advance(MINUTE);
        let anywhere = SignIn::begin(world, &mia, OTHER, None).await;
        anywhere.wrong(&key, 9).await;
        assert!(matches!(anywhere.right(&key).await, VerifyOutcome::SignedIn(_)));
    })
    .await;
}

async fn reset(world: &World, person: &Person, password: &str) {
    world.mail().await;
    assert_eq!(world.request_link(&person.email, &origin()).await, None);
    let (_, link) = world.secret().await;
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(recovery::reset(&world.s, token, password, &origin()).await.unwrap(), recovery::Reset::Done);
}

/// A thief with the old password has closed the second step for a week. The owner sets a new one by link.
#[tokio::test]
async fn after_a_reset_the_owner_has_five_codes_and_a_right_one_lifts_the_pause() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        SignIn::begin(world, &mia, &mia.password, None).await.wrong(&key, 10).await;
        assert!(closed(&SignIn::begin(world, &mia, &mia.password, None).await.right(&key).await));
        reset(world, &mia, GOOD).await;
        let owner = SignIn::begin(world, &mia, GOOD, None).await;
        owner.wrong(&key, 4).await;
        assert!(matches!(owner.right(&key).await, VerifyOutcome::SignedIn(_)));
        world.advance(MINUTE);
        let anywhere = SignIn::begin(world, &mia, GOOD, None).await;
        anywhere.wrong(&key, 9).await;
        assert!(matches!(anywhere.right(&key).await, VerifyOutcome::SignedIn(_)));
    })
    .await;
}

/// Of a thief who has the mailbox: five codes a day, whatever number of resets.
#[tokio::test]
async fn resets_do_not_buy_more_codes_than_five_a_day() {
    let week = Duration::from_secs(7 * 24 * 3600);
    let second_step = Limits { first_pause: week, longest_pause: week, ..rules().second_step };
    let world = World::with(Rules { second_step, ..rules() }).await;
    let mia = world.mia();
    let key = with_app(&world, &mia).await;
    SignIn::begin(&world, &mia, &mia.password, None).await.wrong(&key, 10).await;
    for day in 0..3 {
        for again in 0..3 {
            let password = if again % 2 == 0 { GOOD } else { OTHER };
            reset(&world, &mia, password).await;
            let thief = SignIn::begin(&world, &mia, password, None).await;
            if again == 0 {
                thief.wrong(&key, 5).await;
            }
            assert!(closed(&thief.right(&key).await), "day {day}, reset {again}");
        }
        world.advance(DAY);
    }
    // Without a reset in the last day there is no such budget.
    world.advance(DAY);
    assert!(closed(&SignIn::begin(&world, &mia, GOOD, None).await.right(&key).await));
}

/// The sum of the budgets is what is compared, however many come at once; and the pool never says that it is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_codes_at_once_as_many_are_compared_as_the_budgets_allow() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        let home = known_browser(world, &mia).await;
        for (browser, method, allowed) in [
            (None, Method::BackupCode, 10),
            (Some(&home), Method::BackupCode, 5),
            (Some(&home), Method::App, 0),
        ] {
            let sign_in = SignIn::begin(world, &mia, &mia.password, browser).await;
            // A well-formed code that was never made, and one that is wrong.
            let code = if method == Method::BackupCode {
                "00000-00000-00000-00000"
            } else {
                another_code(&app_code(&key, world.s.now()))
            };
            let text = sign_in.handle.to_text();
            let all: Vec<_> = (0..200)
                .map(|_| {
                    let (s, text, browser) =
                        (world.s.clone(), text.clone(), browser.map(PlainHandle::stored));
                    tokio::spawn(async move {
                        let handle = PlainHandle::parse(&text).unwrap();
                        let challenge = identity::waiting(&s, &handle).await.unwrap().unwrap();
                        sign_in::verify(&s, challenge, method, code, &origin(), browser).await.unwrap()
                    })
                })
                .collect();
            let (mut wrong, mut refused) = (0, 0);
            for one in all {
                let outcome = one.await.unwrap();
                match outcome {
                    VerifyOutcome::Refused(CodeRefusal::Wrong | CodeRefusal::WrongNearPause { .. }) => {
                        wrong += 1;
                    }
                    _ if closed(&outcome) => refused += 1,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((wrong, refused), (allowed, 200 - allowed), "{method}");
        }
    })
    .await;
}

/// A pool that is full compares nothing, and so nothing is counted.
#[tokio::test]
async fn a_backup_code_that_finds_the_pool_full_is_not_counted() {
    let world = World::new().await;
    let mia = world.mia();
    let (session, _) = world.session(&mia).await;
    enrolment::begin(&world.s, world.authority(&session), None).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    enrolment::confirm(&world.s, &session, entered(&code, "Phone"), &origin()).await.unwrap();
    let codes = backup_codes::current(&world.s, &session).await.unwrap().unwrap().1.unwrap().codes;
    let small = HashingSettings { threads: 1, queue: 0, memory_kib: 64, iterations: 1, parallelism: 1 };
    let hashing = Hashing::new(small, world.s.entropy.clone()).unwrap();
    let full = Services::new(
        world.s.store.clone(),
        world.s.clock.clone(),
        world.s.entropy.clone(),
        hashing,
        world.s.rules.clone(),
    );
    let sign_in = SignIn::begin(&world, &mia, &mia.password, None).await;
    let taken = full.hashing.turn(Share::operator()).await.unwrap();
    for _ in 0..20 {
        let challenge = identity::waiting(&full, &sign_in.handle).await.unwrap().unwrap();
        let outcome = sign_in::verify(&full, challenge, Method::BackupCode, &codes[0], &origin(), None).await;
        assert!(matches!(outcome, Err(Fault::Busy)), "{outcome:?}");
    }
    drop(taken);
    let peek = format!("second-step:{}", mia.id);
    let now = world.s.now();
    assert_eq!(world.s.store.read(move |tx| throttles::peek(tx, &peek, now)).await.unwrap(), Ok(()));
    assert!(matches!(sign_in.code(Method::BackupCode, &codes[0]).await, VerifyOutcome::SignedIn(_)));
}

#[tokio::test]
async fn the_last_attempts_of_the_budget_that_is_charged_are_counted_down() {
    on_both(async |world| {
        let mia = world.mia();
        let key = with_app(world, &mia).await;
        let home = known_browser(world, &mia).await;
        let sign_in = SignIn::begin(world, &mia, &mia.password, None).await;
        let wrong = async |sign_in: &SignIn<'_>| {
            left(&sign_in.code(Method::App, another_code(&app_code(&key, world.s.now()))).await)
        };
        for number in 1..=6 {
            assert_eq!(wrong(&sign_in).await, None, "{number}");
        }
        // A typing error costs nothing, and the count goes on where it was.
        sign_in.code(Method::App, "12").await;
        for number in [3, 2, 1, 0] {
            assert_eq!(wrong(&sign_in).await, Some((number, 15)));
        }
        assert!(closed(&sign_in.code(Method::App, "000000").await));
        // The known browser has its own five, and is not said to be stopped before they are used.
        let known = SignIn::begin(world, &mia, &mia.password, Some(&home)).await;
        assert_eq!(wrong(&known).await, None);
        for number in [3, 2, 1] {
            assert_eq!(wrong(&known).await.map(|(left, _)| left), Some(number));
        }
        assert_eq!(wrong(&known).await.map(|(left, _)| left), Some(0));
    })
    .await;
}
