//! Who may see which page of a protected site.
//!
//! A site has rules by path. The longest prefix that fits decides; a path that no rule names has the site's own level.
//!
//! What stands behind may be less exact: it may serve `/team/` to whoever asks for `/TEAM/`, or for `/team`. So a path that
//! another rule would fit if letters' case did not count is refused, and a path without a final slash is judged with one,
//! too: the stricter judgement counts.
//!
//! ```text
//!   path ──(ambiguous, or another rule's but for letters' case)─► Refused
//!     │
//!     ▼
//!   the rule ─(public)──────────────────────────────────────────► Open
//!     │
//!     ├─(nobody signed in)──────────────────────────────────────► SignIn
//!     ├─(not of the organizations, or not with the roles)───────► Forbidden
//!     ├─(more wanted than was shown)────────────────────────────► StepUp
//!     └─────────────────────────────────────────────────────────► Allowed
//! ```

use crate::ids::OrganizationId;
use crate::role::Role;
use std::{fmt, str::FromStr};

/// How much of a sign-in a page wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// None.
    Public,
    /// A session.
    OneStep,
    /// A session that began, or was proven again, with a second step. A code sent by email counts, unless a reset link to
    /// the same mailbox has set the password.
    TwoSteps,
    /// The same with a second factor. A code sent by email does not count.
    TwoFactor,
}

impl Level {
    /// Every one, the least first.
    pub const ALL: [Self; 4] = [Self::Public, Self::OneStep, Self::TwoSteps, Self::TwoFactor];

    /// The word for the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::OneStep => "one-step",
            Self::TwoSteps => "two-steps",
            Self::TwoFactor => "two-factor",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not public, one-step, two-steps or two-factor")]
pub struct NotALevel;

impl FromStr for Level {
    type Err = NotALevel;

    fn from_str(text: &str) -> Result<Self, NotALevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(NotALevel)
    }
}

/// What a rule wants of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How much of a sign-in.
    pub level: Level,
    /// Members of one of these alone; anybody where it is empty.
    pub organizations: Vec<OrganizationId>,
    /// With one of these roles alone (in one of those organizations); any where it is empty.
    pub roles: Vec<Role>,
}

/// A rule for a part of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the path begins with. `/a/` is everything below `/a/`; `/a` is `/a` and everything below `/a/`.
    pub prefix: String,
    /// What it wants.
    pub wanted: Wanted,
}

/// The rules of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// For every path that no rule names.
    pub otherwise: Wanted,
    /// The rules, in any order: the longest prefix decides.
    pub rules: Vec<Rule>,
}

/// Who asks for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The level that was reached: see [`Assurance::level`](crate::assurance::Assurance::level).
    pub level: Level,
    /// The memberships that count: in a "login as", that of the organization to which it is bound.
    pub memberships: Vec<(OrganizationId, Role)>,
}

/// What is decided, the least strict first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// The page is public.
    Open,
    /// The page may be seen by this visitor.
    Allowed,
    /// More has to be shown first.
    StepUp,
    /// Somebody has to sign in first.
    SignIn,
    /// Not for this visitor.
    Forbidden,
    /// The path could mean more than one thing.
    Refused,
}

impl Decision {
    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Allowed => "allowed",
            Self::StepUp => "step-up",
            Self::SignIn => "sign-in",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
        }
    }
}

impl Rules {
    /// Decides about `path`, as the browser sent it (percent-encoded, without the query).
    pub fn decide(&self, path: &str, visitor: Option<&Visitor>) -> Decision {
        let judgements = self.meant(path).map(|meant| meant.iter().map(|one| one.judge(visitor)).max());
        judgements.flatten().unwrap_or(Decision::Refused)
    }

    /// The level that `path` wants, whoever asks: the highest, where it could be judged by two rules.
    pub fn level(&self, path: &str) -> Level {
        let meant = self.meant(path).unwrap_or_default();
        meant.iter().map(|one| one.level).max().unwrap_or(Level::Public)
    }

    /// What is wanted for a path as the browser sent it: by its own rule and, without a final slash, by that of the
    /// folder of this name. `None` where that could be read in more than one way.
    fn meant(&self, path: &str) -> Option<Vec<&Wanted>> {
        let path = plain(path)?;
        let folder = format!("{path}/");
        let paths = if path.ends_with('/') { vec![path] } else { vec![path, folder] };
        paths.iter().map(|path| self.wanted_in_any_case(path)).collect()
    }

    /// What is wanted for a path, if it does not matter whether the case of letters counts.
    fn wanted_in_any_case(&self, path: &str) -> Option<&Wanted> {
        let exact = self.wanted(path, str::to_owned);
        let loose = self.wanted(path, fold);
        (exact == loose).then_some(exact)
    }

    /// What the longest prefix that fits wants, path and prefixes written in this way.
    fn wanted(&self, path: &str, written: fn(&str) -> String) -> &Wanted {
        let path = written(path);
        let prefixes = self.rules.iter().map(|rule| (written(&rule.prefix), &rule.wanted));
        let fitting = prefixes.filter(|(prefix, _)| begins(&path, prefix));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map_or(&self.otherwise, |(_, wanted)| wanted)
    }
}

/// Whether a path is what the prefix names, or below it.
fn begins(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
    }
}

/// A path without the case of its letters. By way of the capitals, because some small letters share one (ſ and s).
pub fn fold(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

impl Wanted {
    fn judge(&self, visitor: Option<&Visitor>) -> Decision {
        if self.level == Level::Public {
            return Decision::Open;
        }
        let Some(visitor) = visitor else { return Decision::SignIn };
        if !self.admits(visitor) {
            return Decision::Forbidden;
        }
        if visitor.level < self.level {
            return Decision::StepUp;
        }
        Decision::Allowed
    }

    fn admits(&self, visitor: &Visitor) -> bool {
        if self.organizations.is_empty() && self.roles.is_empty() {
            return true;
        }
        visitor.memberships.iter().any(|(organization, role)| {
            (self.organizations.is_empty() || self.organizations.contains(organization))
                && (self.roles.is_empty() || self.roles.contains(role))
        })
    }
}

/// The path with its harmless encodings undone, or `None` where a server behind might read another path out of it than
/// we do: dot segments, empty segments, encoded slashes and backslashes, anything encoded twice, control characters, and
/// what is not UTF-8. A weaker rule must never be reached by another spelling (CWE-647).
pub fn plain(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains("//") || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (pair, tail) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        if matches!(byte, b'/' | b'\\' | b'%' | b'?' | b'#' | b';') || byte.is_ascii_control() {
            return None;
        }
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok().filter(|text| is_plain(text))
}

/// Whether a path whose encodings are undone means one thing alone.
pub fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains("//")
        && !path.contains(['\\', ';', '?', '#', '%'])
        && !path.chars().any(char::is_control)
        && !path.split('/').any(|segment| segment == "." || segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::{Timestamp, testing::Fill};
    use proptest::prelude::*;

    fn organization(n: u8) -> OrganizationId {
        OrganizationId::generate(Timestamp::from_millis(1), &Fill(n))
    }

    fn wants(level: Level) -> Wanted {
        Wanted { level, organizations: Vec::new(), roles: Vec::new() }
    }

    fn rule(prefix: &str, wanted: Wanted) -> Rule {
        Rule { prefix: prefix.to_owned(), wanted }
    }

    fn site() -> Rules {
        Rules {
            otherwise: wants(Level::TwoSteps),
            rules: vec![
                rule("/public/", wants(Level::Public)),
                rule("/public/drafts/", wants(Level::OneStep)),
                rule("/team", Wanted { roles: vec![Role::Owner, Role::Admin], ..wants(Level::OneStep) }),
                rule("/harbour/", Wanted { organizations: vec![organization(1)], ..wants(Level::OneStep) }),
                rule("/vault/", wants(Level::TwoFactor)),
            ],
        }
    }

    fn visitor(two_steps: bool, role: Role) -> Visitor {
        let level = if two_steps { Level::TwoSteps } else { Level::OneStep };
        Visitor { level, memberships: vec![(organization(1), role)] }
    }

    #[test]
    fn the_longest_prefix_decides_and_the_rest_is_the_sites_own() {
        let member = visitor(false, Role::Member);
        let at = |path| site().decide(path, Some(&member));
        assert_eq!(at("/public/a.css"), Decision::Open);
        assert_eq!(at("/public/drafts/a"), Decision::Allowed);
        assert_eq!(at("/public"), Decision::StepUp);
        assert_eq!(at("/"), Decision::StepUp);
        assert_eq!(at("/team"), Decision::Forbidden);
        assert_eq!(at("/team/x"), Decision::Forbidden);
        assert_eq!(at("/teamwork"), Decision::StepUp);
        assert_eq!(at("/harbour/x"), Decision::Allowed);
        assert_eq!(site().decide("/team", Some(&visitor(false, Role::Admin))), Decision::Allowed);
        assert_eq!(site().decide("/public/drafts/a", None), Decision::SignIn);
    }

    #[test]
    fn a_role_counts_in_the_organization_that_is_asked_for() {
        let both = Wanted {
            organizations: vec![organization(2)],
            roles: vec![Role::Admin],
            ..wants(Level::OneStep)
        };
        let site = Rules { otherwise: both, rules: Vec::new() };
        let elsewhere = Visitor {
            level: Level::TwoFactor,
            memberships: vec![(organization(1), Role::Admin), (organization(2), Role::Member)],
        };
        assert_eq!(site.decide("/", Some(&elsewhere)), Decision::Forbidden);
    }

    #[test]
    fn a_path_that_could_mean_two_things_is_refused() {
        for path in [
            "",
            "public/",
            "/public/../team",
            "/public/..",
            "/public/./x",
            "/public/%2e%2e/team",
            "/public/.%2E/team",
            "/public//team",
            "//public/",
            "/public/%2fteam",
            "/public%5c..%5cteam",
            "/public\\team",
            "/public/%252e%252e/",
            "/public/%00",
            "/public/%0a",
            "/public/%ff",
            "/public/%",
            "/public/%2",
            "/public/%zz",
            "/public/;x",
            "/public/%3b",
            "/public/ü",
            "/public/a b",
            "/public/%3f",
            "/public/#x",
            "/public/%c0%ae%c0%ae/team",
        ] {
            assert_eq!(site().decide(path, Some(&visitor(true, Role::Owner))), Decision::Refused, "{path}");
        }
        assert_eq!(plain("/caf%C3%A9/a%20b").as_deref(), Some("/café/a b"));
    }

    #[test]
    fn an_encoding_does_not_change_the_rule() {
        assert_eq!(site().decide("/%74eam", Some(&visitor(true, Role::Member))), Decision::Forbidden);
        assert_eq!(site().decide("/%70ublic/x", None), Decision::Open);
    }

    #[test]
    fn what_a_site_might_take_for_a_stricter_path_is_judged_as_that() {
        let admins = Wanted { roles: vec![Role::Admin], ..wants(Level::OneStep) };
        let site = Rules {
            otherwise: wants(Level::OneStep),
            rules: vec![rule("/team/", admins.clone()), rule("/public/Straße/", wants(Level::Public))],
        };
        let (member, admin) = (visitor(true, Role::Member), visitor(true, Role::Admin));
        for path in
            ["/TEAM/", "/Team/x", "/te%41m/x", "/TEAM", "/public/STRASSE/", "/public/%C5%BFtra%C3%9Fe/a"]
        {
            assert_eq!(site.decide(path, Some(&admin)), Decision::Refused, "{path}");
        }
        assert_eq!(site.decide("/team", Some(&member)), Decision::Forbidden);
        assert_eq!(site.decide("/team", Some(&admin)), Decision::Allowed);
        assert_eq!(site.decide("/team", None), Decision::SignIn);
        assert_eq!(site.decide("/public/Stra%C3%9Fe/a", None), Decision::Open);
        assert_eq!(
            site.decide("/public/Stra%C3%9Fe", None),
            Decision::SignIn,
            "the folder is public, the page is not"
        );
        // The stricter judgement counts in the other direction, too.
        let open = Rules { otherwise: admins, rules: vec![rule("/a", wants(Level::Public))] };
        assert_eq!(open.decide("/a", None), Decision::Open);
        assert_eq!(open.decide("/A/b", Some(&admin)), Decision::Refused);
        // Where both rules want the same, the case does not matter.
        let same =
            Rules { otherwise: wants(Level::OneStep), rules: vec![rule("/x/", wants(Level::OneStep))] };
        assert_eq!(same.decide("/X/", Some(&member)), Decision::Allowed);
    }

    #[test]
    fn whether_a_second_step_is_wanted_does_not_depend_on_who_asks() {
        for (path, wanted) in [
            ("/", Level::TwoSteps),
            ("/public", Level::TwoSteps),
            ("/public/", Level::Public),
            ("/team", Level::OneStep),
            ("/vault", Level::TwoFactor),
            ("/..", Level::Public),
        ] {
            assert_eq!(site().level(path), wanted, "{path}");
        }
    }

    #[test]
    fn email_counts_for_two_steps_and_not_for_two_factor() {
        use crate::assurance::{PasswordOrigin, assurance};
        use crate::second_step::Method;
        let with = |origin, method| {
            let level = assurance(origin, Some(method)).level();
            let visitor = Visitor { level, memberships: Vec::new() };
            ["/", "/vault/"].map(|path| site().decide(path, Some(&visitor)))
        };
        let (chosen, reset) = (PasswordOrigin::Chosen, PasswordOrigin::ResetLink);
        assert_eq!(with(chosen, Method::Email), [Decision::Allowed, Decision::StepUp]);
        assert_eq!(with(reset, Method::Email), [Decision::StepUp, Decision::StepUp]);
        for method in [Method::App, Method::Sms, Method::BackupCode] {
            assert_eq!(with(chosen, method), [Decision::Allowed, Decision::Allowed]);
            assert_eq!(with(reset, method), [Decision::Allowed, Decision::Allowed]);
        }
    }

    proptest! {
        /// Whatever is asked for, and however a site reads it: nobody sees what is not public without a session, and
        /// nobody sees what wants more than they have shown.
        #[test]
        fn nobody_gets_more_than_they_have_shown(
            path in "/([a-zA-Z%./2e]{0,12}/|[pP]ublic/|[dD]rafts/|[vV]ault/|[tT][eE][aA][mM]/){0,3}[a-zA-Z]{0,6}",
            shown in proptest::option::of(prop::sample::select(Level::ALL[1..].to_vec())),
        ) {
            let who = shown.map(|level| Visitor { level, ..visitor(false, Role::Member) });
            let decision = site().decide(&path, who.as_ref());
            let Some(plain) = plain(&path) else {
                prop_assert_eq!(decision, Decision::Refused);
                return Ok(());
            };
            // A site that does not tell letters' case apart, or adds the slash, serves one of these.
            for read in [plain.clone(), format!("{plain}/"), fold(&plain), fold(&format!("{plain}/"))] {
                if read.ends_with("//") {
                    continue;
                }
                let wanted = site().wanted(&read, str::to_owned).clone();
                match decision {
                    Decision::Open => prop_assert_eq!(wanted.level, Level::Public),
                    Decision::Allowed => {
                        let who = who.as_ref();
                        prop_assert!(wanted.level == Level::Public || who.is_some_and(|who| wanted.admits(who)));
                        prop_assert!(wanted.level == Level::Public || shown >= Some(wanted.level));
                    }
                    Decision::SignIn => prop_assert!(shown.is_none()),
                    Decision::StepUp => prop_assert!(shown.is_some_and(|shown| shown < Level::TwoFactor)),
                    Decision::Forbidden => prop_assert!(shown.is_some()),
                    Decision::Refused => {}
                }
            }
        }
    }
}
