//! `countersign user …`: the operator helps an account holder, or shuts an account. It works beside a running server, on
//! the same database.

use crate::cli::{ResetSecondStep, User, UserList, UserNamed};
use crate::console::{FAILED, at, moment, say, table};
use crate::wiring::Failure;
use countersign_core::{
    authority::OperatorAuthority,
    ids::UserId,
    second_step::{Method, Standing},
};
use countersign_flows::{
    EventRow, Services,
    operator::{self, Account, SecondStepReset},
};

/// Carries out a command about accounts.
pub fn run(command: &User) -> Result<(), Failure> {
    match command {
        User::List(options) => at(&options.place, async |s| list(&s, options).await),
        User::Show(named) => at(&named.place, async |s| show(&s, named).await),
        User::Disable(named) => at(&named.place, async |s| set_active(&s, named, false).await),
        User::Enable(named) => at(&named.place, async |s| set_active(&s, named, true).await),
        User::EndSessions(named) => at(&named.place, async |s| end_sessions(&s, named).await),
        User::ResetPassword(named) => at(&named.place, async |s| reset_password(&s, named).await),
        User::ResetSecondStep(options) => {
            at(&options.named.place, async |s| reset_second_step(&s, options).await)
        }
    }
}

async fn list(s: &Services, options: &UserList) -> Result<(), Failure> {
    let operator = OperatorAuthority::at_the_console();
    let found = operator::list(s, &operator, &options.search).await.map_err(Failure::other(FAILED))?;
    if found.is_empty() {
        return say("No account matches.");
    }
    let mut rows = vec![["EMAIL", "NAME", "STATE", "ROLE", "ORGANIZATION", "ID"].map(str::to_owned)];
    rows.extend(found.iter().map(|user| {
        let (organization, role) = match &user.membership {
            Some((organization, role)) => (organization.clone(), role.to_string()),
            None => ("none".to_owned(), "none".to_owned()),
        };
        let state = state(user.active).to_owned();
        [user.email.clone(), user.name.clone(), state, role, organization, user.id.to_string()]
    }));
    say(&table(&rows))?;
    if found.len() >= operator::LISTED as usize {
        say(&format!(
            "Only the first {} lines are shown; narrow them with --search TEXT.",
            operator::LISTED
        ))?;
    }
    Ok(())
}

async fn show(s: &Services, named: &UserNamed) -> Result<(), Failure> {
    let id = find(s, named).await?;
    let operator = OperatorAuthority::at_the_console();
    let found = operator::show(s, &operator, id).await.map_err(Failure::other(FAILED))?;
    let account = found.ok_or_else(|| unknown(&named.user))?;
    let mut rows = facts(&account);
    rows.extend(steps(&account));
    say(&table(&rows))?;
    let mut recent = vec![["WHEN", "WHAT", "FROM"].map(str::to_owned)];
    recent
        .extend(account.activity.iter().map(|event| [moment(event.at), what(event), event.address.clone()]));
    say(&format!("\nRecent activity:\n{}", table(&recent)))
}

/// An event's word, and how often it happened in its hour where attempts are counted.
fn what(event: &EventRow) -> String {
    let word = event.kind.as_str();
    if event.times > 1 { format!("{word} ({} times)", event.times) } else { word.to_owned() }
}

fn facts(account: &Account) -> Vec<[String; 2]> {
    let user = &account.user;
    let mut rows = vec![
        ["Account".to_owned(), user.id.to_string()],
        ["Email".to_owned(), user.email.to_string()],
        ["Name".to_owned(), user.name.clone()],
        ["State".to_owned(), state(user.active).to_owned()],
        ["Password".to_owned(), if user.password_hash.is_some() { "set" } else { "none" }.to_owned()],
        ["Open sessions".to_owned(), account.sessions.to_string()],
    ];
    if let Some(application) = user.application {
        rows.push(["Known to application".to_owned(), application.to_string()]);
    }
    rows.extend(account.memberships.iter().map(|membership| {
        ["Organization".to_owned(), format!("{} ({})", membership.organization_name, membership.role)]
    }));
    rows
}

fn steps(account: &Account) -> Vec<[String; 2]> {
    let steps = &account.steps;
    let mut rows = vec![
        ["Authenticator app".to_owned(), standing(steps.app)],
        ["SMS".to_owned(), standing(steps.sms)],
        ["Email code".to_owned(), standing(steps.email)],
        [
            "Backup codes".to_owned(),
            match (steps.backup_code, account.backup_codes_left) {
                (Standing::Disabled, _) => standing(Standing::Disabled),
                (_, Some(left)) => format!("{left} left"),
                (_, None) => standing(Standing::Absent),
            },
        ],
    ];
    if let Some(until) = account.paused_until {
        rows.push(["Second step paused until".to_owned(), moment(until)]);
    }
    rows
}

fn standing(standing: Standing) -> String {
    match standing {
        Standing::Absent => "none",
        Standing::Ready => "works",
        Standing::Disabled => "disabled after too many wrong codes",
    }
    .to_owned()
}

fn state(active: bool) -> &'static str {
    if active { "active" } else { "disabled" }
}

async fn set_active(s: &Services, named: &UserNamed, active: bool) -> Result<(), Failure> {
    let id = find(s, named).await?;
    let operator = OperatorAuthority::at_the_console();
    let changed = operator::set_active(s, operator, id, active).await.map_err(Failure::other(FAILED))?;
    let who = &named.user;
    say(&match (changed, active) {
        (true, true) => format!("{who} is enabled and can sign in."),
        (true, false) => format!("{who} is disabled and signed out everywhere."),
        (false, _) => format!("{who} was {} already.", state(active)),
    })
}

async fn end_sessions(s: &Services, named: &UserNamed) -> Result<(), Failure> {
    let id = find(s, named).await?;
    let operator = OperatorAuthority::at_the_console();
    let ended = operator::end_sessions(s, operator, id).await.map_err(Failure::other(FAILED))?;
    say(&format!("Signed {} out everywhere. Sessions ended: {ended}.", named.user))
}

async fn reset_password(s: &Services, named: &UserNamed) -> Result<(), Failure> {
    let id = find(s, named).await?;
    let operator = OperatorAuthority::at_the_console();
    match operator::reset_link(s, operator, id).await.map_err(Failure::other(FAILED))? {
        Some(link) => {
            say(&link)?;
            #[expect(
                clippy::print_stderr,
                reason = "advice for the operator, apart from the link that scripts read"
            )]
            {
                eprintln!(
                    "Give this link to {}. It works once, for {} minutes; the second step stays as it is.",
                    named.user,
                    s.rules.reset_lifetime.as_secs() / 60
                );
            }
            Ok(())
        }
        None => Err(Failure::Input(format!(
            "{0} cannot sign in here: the account is disabled, or belongs to an application; see countersign user show {0}.",
            named.user
        ))),
    }
}

async fn reset_second_step(s: &Services, options: &ResetSecondStep) -> Result<(), Failure> {
    let who = &options.named.user;
    let id = find(s, &options.named).await?;
    let operator = OperatorAuthority::at_the_console();
    let reset = operator::reset_second_step(s, operator, id, &options.reason).await;
    match reset.map_err(Failure::other(FAILED))? {
        SecondStepReset::Done { apps, phone } => {
            let next = if s.rules.methods.contains(&Method::Email) {
                "the password and a code by email"
            } else {
                "only the password, since email is not in second_step.methods"
            };
            say(&format!(
                "Reset two-factor authentication for {who}. Removed: {}. The next sign-in asks for {next}.",
                removed(apps, phone)
            ))
        }
        SecondStepReset::NotFound => Err(unknown(who)),
        SecondStepReset::Reason(error) => Err(Failure::Input(format!(
            "--reason cannot be used ({error}); write 1 to {} printable characters.",
            operator::REASON_LENGTH
        ))),
    }
}

fn removed(apps: u32, phone: bool) -> String {
    let apps = match apps {
        0 => String::new(),
        1 => "1 authenticator app, ".to_owned(),
        more => format!("{more} authenticator apps, "),
    };
    format!("{apps}{}all backup codes", if phone { "the phone, " } else { "" })
}

async fn find(s: &Services, named: &UserNamed) -> Result<UserId, Failure> {
    let operator = OperatorAuthority::at_the_console();
    let found = operator::find(s, &operator, &named.user).await.map_err(Failure::other(FAILED))?;
    found.ok_or_else(|| unknown(&named.user))
}

fn unknown(who: &str) -> Failure {
    Failure::Input(format!("there is no account {who}; countersign user list shows them."))
}
