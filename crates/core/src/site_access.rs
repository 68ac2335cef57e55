//! Who may see which page of a protected site.
//!
//! A site has rules by path. The longest prefix that fits decides; a path that no rule names has the site's own demand.
//!
//! ```text
//!   path ──(ambiguous)──────────────────────────────────────────► Refused
//!     │
//!     ▼
//!   the rule ─(public)──────────────────────────────────────────► Open
//!     │
//!     ├─(nobody signed in)──────────────────────────────────────► SignIn
//!     ├─(not of the organizations, or not with the roles)───────► Forbidden
//!     ├─(two steps wanted, one shown)───────────────────────────► StepUp
//!     └─────────────────────────────────────────────────────────► Allowed
//! ```

use crate::ids::OrganizationId;
use crate::role::Role;
use std::{fmt, str::FromStr};

/// How much of a sign-in a page wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Demand {
    /// None.
    Public,
    /// A session.
    OneStep,
    /// A session that began, or was proven again, with a second step.
    TwoSteps,
}

impl Demand {
    /// Every one, the least first.
    pub const ALL: [Self; 3] = [Self::Public, Self::OneStep, Self::TwoSteps];

    /// The word for the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::OneStep => "one-step",
            Self::TwoSteps => "two-steps",
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not public, one-step or two-steps")]
pub struct NotADemand;

impl FromStr for Demand {
    type Err = NotADemand;

    fn from_str(text: &str) -> Result<Self, NotADemand> {
        Self::ALL.into_iter().find(|demand| demand.as_str() == text).ok_or(NotADemand)
    }
}

/// What a rule wants of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How much of a sign-in.
    pub demand: Demand,
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
    /// A second step was shown.
    pub two_steps: bool,
    /// The memberships that count: in a "log in as", that of the organization to which it is bound.
    pub memberships: Vec<(OrganizationId, Role)>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The page is public.
    Open,
    /// The page may be seen by this visitor.
    Allowed,
    /// Somebody has to sign in first.
    SignIn,
    /// A second step has to be shown first.
    StepUp,
    /// Not for this visitor.
    Forbidden,
    /// The path could mean more than one thing.
    Refused,
}

impl Rules {
    /// Decides about `path`, as the browser sent it (percent-encoded, without the query).
    pub fn decide(&self, path: &str, visitor: Option<&Visitor>) -> Decision {
        let Some(path) = plain(path) else { return Decision::Refused };
        let wanted = self.wanted(&path);
        if wanted.demand == Demand::Public {
            return Decision::Open;
        }
        let Some(visitor) = visitor else { return Decision::SignIn };
        if !wanted.admits(visitor) {
            return Decision::Forbidden;
        }
        if wanted.demand == Demand::TwoSteps && !visitor.two_steps {
            return Decision::StepUp;
        }
        Decision::Allowed
    }

    fn wanted(&self, path: &str) -> &Wanted {
        let fitting = self.rules.iter().filter(|rule| rule.fits(path));
        fitting.max_by_key(|rule| rule.prefix.len()).map_or(&self.otherwise, |rule| &rule.wanted)
    }
}

impl Rule {
    fn fits(&self, path: &str) -> bool {
        match path.strip_prefix(self.prefix.as_str()) {
            None => false,
            Some(rest) => rest.is_empty() || self.prefix.ends_with('/') || rest.starts_with('/'),
        }
    }
}

impl Wanted {
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
    let text = String::from_utf8(bytes).ok()?;
    let tricky = text.contains(['\\', ';', '?', '#'])
        || text.chars().any(char::is_control)
        || text.split('/').any(|segment| segment == "." || segment == "..");
    (!tricky).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::{Entropy, Timestamp};
    use proptest::prelude::*;

    struct Fill(u8);
    impl Entropy for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn organization(n: u8) -> OrganizationId {
        OrganizationId::generate(Timestamp::from_millis(1), &Fill(n))
    }

    fn wants(demand: Demand) -> Wanted {
        Wanted { demand, organizations: Vec::new(), roles: Vec::new() }
    }

    fn rule(prefix: &str, wanted: Wanted) -> Rule {
        Rule { prefix: prefix.to_owned(), wanted }
    }

    fn site() -> Rules {
        Rules {
            otherwise: wants(Demand::TwoSteps),
            rules: vec![
                rule("/public/", wants(Demand::Public)),
                rule("/public/drafts/", wants(Demand::OneStep)),
                rule("/team", Wanted { roles: vec![Role::Owner, Role::Admin], ..wants(Demand::OneStep) }),
                rule("/harbour/", Wanted { organizations: vec![organization(1)], ..wants(Demand::OneStep) }),
            ],
        }
    }

    fn visitor(two_steps: bool, role: Role) -> Visitor {
        Visitor { two_steps, memberships: vec![(organization(1), role)] }
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
        assert_eq!(site().decide("/team", Some(&visitor(false, Role::Admin))), Decision::Allowed);
        assert_eq!(site().decide("/public/drafts/a", None), Decision::SignIn);
    }

    #[test]
    fn a_role_counts_in_the_organization_that_is_asked_for() {
        let both = Wanted {
            organizations: vec![organization(2)],
            roles: vec![Role::Admin],
            ..wants(Demand::OneStep)
        };
        let site = Rules { otherwise: both, rules: Vec::new() };
        let elsewhere = Visitor {
            two_steps: true,
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

    proptest! {
        /// Whatever is asked for: nobody sees what is not public without a session, and two steps are two steps.
        #[test]
        fn nobody_gets_more_than_they_have_shown(
            path in "/([a-z%./2e]{0,12}/){0,3}[a-z]{0,6}",
            shown in proptest::option::of(any::<bool>()),
        ) {
            let who = shown.map(|two| visitor(two, Role::Member));
            let wanted = plain(&path).map(|plain| site().wanted(&plain).demand);
            match site().decide(&path, who.as_ref()) {
                Decision::Open => prop_assert_eq!(wanted, Some(Demand::Public)),
                Decision::Allowed => {
                    prop_assert!(shown.is_some());
                    prop_assert!(wanted != Some(Demand::TwoSteps) || shown == Some(true));
                }
                Decision::Refused => prop_assert_eq!(wanted, None),
                Decision::SignIn => prop_assert!(shown.is_none()),
                Decision::StepUp => prop_assert_eq!(shown, Some(false)),
                Decision::Forbidden => prop_assert!(shown.is_some()),
            }
        }
    }
}
