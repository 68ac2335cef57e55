//! The sites whose proxies ask here who may see a page: `[[forward_auth.sites]]` of the configuration file. They are lists
//! of lists, which no variable of the environment can hold, and so stand beside the table of settings.

use super::{ConfigError, Origin, form};
use countersign_core::{
    ids::OrganizationId,
    role::Role,
    site_access::{Level, Rule, Rules, Wanted, fold, is_plain},
};
use std::fmt::Write as _;
use toml::{Table, Value};
use url::Url;

/// The section of the file.
pub(super) const SECTION: &str = "forward_auth";

/// A protected site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its address: https, or plain http on loopback; no path.
    pub url: Url,
    /// Who may see what.
    pub rules: Rules,
    /// Whether it accepts "login as".
    pub accepts_login_as: bool,
}

impl Site {
    /// Its origin, as browsers write it.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether a browser would send this site the cookies of `other`, for cookies do not tell ports apart (RFC 6265, section
    /// 8.5). On loopback another port is enough, because there are few names there.
    pub(super) fn shares_cookies(&self, other: &Url) -> bool {
        let same_host = self.url.host_str() == other.host_str();
        same_host && (!form::is_loopback(other) || self.url.origin() == other.origin())
    }
}

/// Where in the file something stands, for the sentence that says what is wrong with it.
struct At(String);

impl At {
    fn wrong(&self, problem: &str) -> ConfigError {
        ConfigError::about(&self.0, &Origin::File, problem)
    }

    fn key(&self, key: &str) -> Self {
        Self(format!("{}.{key}", self.0))
    }

    fn item(&self, key: &str, number: usize) -> Self {
        Self(format!("{}.{key}[{number}]", self.0))
    }
}

/// Reads the section.
pub(super) fn read(section: &Value) -> Result<Vec<Site>, ConfigError> {
    let at = At(SECTION.to_owned());
    let Value::Table(table) = section else {
        return Err(at.wrong("is a section; write each site below a line [[forward_auth.sites]]"));
    };
    only(table, &at, &["sites"])?;
    let mut sites: Vec<Site> = Vec::new();
    for (number, entry) in tables(table, "sites", &at)?.into_iter().enumerate() {
        let at = at.item("sites", number + 1);
        let site = site(entry, &at)?;
        if sites.iter().any(|other| other.url.origin() == site.url.origin()) {
            return Err(at.key("url").wrong("is the address of an earlier site as well; join their rules"));
        }
        if sites.iter().any(|other| other.shares_cookies(&site.url)) {
            return Err(at.key("url").wrong(
                "is on the host of an earlier site, whose cookies it would receive; give each a host of its own",
            ));
        }
        sites.push(site);
    }
    Ok(sites)
}

fn site(table: &Table, at: &At) -> Result<Site, ConfigError> {
    only(table, at, &["url", "access", "organizations", "roles", "accepts_login_as", "rules"])?;
    let url = match text(table, "url", at)? {
        None => {
            return Err(at
                .key("url")
                .wrong("is missing; set the site's address, such as \"https://wiki.example.org\""));
        }
        Some(text) => form::public_url(text).map_err(|problem| at.key("url").wrong(&problem))?,
    };
    let otherwise = wanted(table, at, Some(Level::TwoSteps))?;
    let mut rules: Vec<Rule> = Vec::new();
    for (number, entry) in tables(table, "rules", at)?.into_iter().enumerate() {
        let at = at.item("rules", number + 1);
        let rule = rule(entry, &at)?;
        if rules.iter().any(|other| fold(&other.prefix) == fold(&rule.prefix)) {
            return Err(at.key("path").wrong(
                "is the path of an earlier rule as well (the case of letters does not count); leave one of them out",
            ));
        }
        rules.push(rule);
    }
    let accepts_login_as = match table.get("accepts_login_as") {
        None => false,
        Some(Value::Boolean(accepts)) => *accepts,
        Some(_) => return Err(at.key("accepts_login_as").wrong("is not a switch; set true or false")),
    };
    Ok(Site { url, rules: Rules { otherwise, rules }, accepts_login_as })
}

fn rule(table: &Table, at: &At) -> Result<Rule, ConfigError> {
    only(table, at, &["path", "access", "organizations", "roles"])?;
    let prefix = match text(table, "path", at)? {
        None => {
            return Err(at
                .key("path")
                .wrong("is missing; set what the path begins with, such as \"/public/\""));
        }
        Some(path) => path,
    };
    if !is_plain(prefix) {
        return Err(at.key("path").wrong(
            "is not a plain path; begin it with a slash, write \"/my café/\" and not \"/my%20caf%C3%A9/\", and leave out \
             \"..\", doubled slashes, and any of \\ ; ? # %",
        ));
    }
    Ok(Rule { prefix: prefix.to_owned(), wanted: wanted(table, at, None)? })
}

fn wanted(table: &Table, at: &At, otherwise: Option<Level>) -> Result<Wanted, ConfigError> {
    let level = match (text(table, "access", at)?, otherwise) {
        (Some(word), _) => word.parse().map_err(|_| {
            at.key("access").wrong(&format!("is {word:?}; choose public, one-step, two-steps or two-factor"))
        })?,
        (None, Some(level)) => level,
        (None, None) => {
            return Err(at
                .key("access")
                .wrong("is missing; choose public, one-step, two-steps or two-factor"));
        }
    };
    let organizations: Vec<OrganizationId> = words(table, "organizations", at, "the ids of organizations")?;
    let roles: Vec<Role> = words(table, "roles", at, "member, admin or owner")?;
    if level == Level::Public && !(organizations.is_empty() && roles.is_empty()) {
        return Err(at
            .key("access")
            .wrong("is public, which is for everyone; leave organizations and roles out"));
    }
    Ok(Wanted { level, organizations, roles })
}

fn only(table: &Table, at: &At, known: &[&str]) -> Result<(), ConfigError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            Err(at.key(key).wrong(&format!("is not a setting; the keys here are {}", known.join(", "))))
        }
    }
}

fn text<'a>(table: &'a Table, key: &str, at: &At) -> Result<Option<&'a str>, ConfigError> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(at.key(key).wrong("is not text; put it in quotation marks")),
    }
}

fn tables<'a>(table: &'a Table, key: &str, at: &At) -> Result<Vec<&'a Table>, ConfigError> {
    let wrong = || {
        at.key(key)
            .wrong(&format!("is not a list of tables; write each below a line [[{}.{key}]]", plainly(at)))
    };
    match table.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_table().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

/// The name of a section without the numbers in it.
fn plainly(at: &At) -> String {
    at.0.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".")
}

fn words<T: std::str::FromStr>(
    table: &Table,
    key: &str,
    at: &At,
    choice: &str,
) -> Result<Vec<T>, ConfigError> {
    let at_key = at.key(key);
    let items = match table.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(_) => {
            return Err(
                at_key.wrong(&format!("is not a list with something in it; list {choice}, or leave it out"))
            );
        }
    };
    items
        .iter()
        .map(|item| {
            let word = item.as_str().unwrap_or_default();
            word.parse().map_err(|_| at_key.wrong(&format!("holds {item}; list {choice}")))
        })
        .collect()
}

/// The sites, as `serve --check` shows them.
pub(super) fn explain(sites: &[Site]) -> String {
    let mut text = String::new();
    for site in sites {
        let login_as = if site.accepts_login_as { ", accepts login as" } else { "" };
        let _ = writeln!(text, "{}  {}{login_as}", site.origin(), in_words(&site.rules.otherwise));
        for rule in &site.rules.rules {
            let _ = writeln!(text, "  {}  {}", rule.prefix, in_words(&rule.wanted));
        }
    }
    text
}

fn in_words(wanted: &Wanted) -> String {
    let mut text = wanted.level.to_string();
    if !wanted.roles.is_empty() {
        let roles: Vec<&str> = wanted.roles.iter().map(|role| role.as_str()).collect();
        let _ = write!(text, ", {} alone", roles.join(" or "));
    }
    match wanted.organizations.len() {
        0 => {}
        1 => text.push_str(", of one organization"),
        many => {
            let _ = write!(text, ", of {many} organizations");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(text: &str) -> Result<Vec<Site>, String> {
        let table: Table = text.parse().unwrap();
        read(&table[SECTION]).map_err(|error| error.to_string())
    }

    #[test]
    fn sites_have_rules_and_a_demand_for_the_rest() {
        let sites = sites(
            "[[forward_auth.sites]]
            url = \"https://wiki.example.org\"
            [[forward_auth.sites.rules]]
            path = \"/public/\"
            access = \"public\"
            [[forward_auth.sites.rules]]
            path = \"/team\"
            access = \"one-step\"
            roles = [\"owner\", \"admin\"]
            [[forward_auth.sites]]
            url = \"http://127.0.0.1:9000\"
            access = \"one-step\"
            accepts_login_as = true",
        )
        .unwrap();
        assert_eq!(
            explain(&sites),
            "https://wiki.example.org  two-steps\n  /public/  public\n  /team  one-step, owner or admin alone\n\
             http://127.0.0.1:9000  one-step, accepts login as\n"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy() {
        let site = "[[forward_auth.sites]]\nurl = \"https://wiki.example.org\"\n";
        let rule = |path| format!("[[forward_auth.sites.rules]]\npath = \"{path}\"\naccess = \"public\"\n");
        for (text, sentence) in [
            (
                "forward_auth = 1".to_owned(),
                "forward_auth is a section; write each site below a line [[forward_auth.sites]].",
            ),
            (
                "[[forward_auth.sites]]".to_owned(),
                "forward_auth.sites[1].url is missing; set the site's address, such as \"https://wiki.example.org\".",
            ),
            (
                format!("{site}acces = \"public\""),
                "forward_auth.sites[1].acces is not a setting; the keys here are url, access, organizations, roles, accepts_login_as, rules.",
            ),
            (
                format!("{site}access = \"open\""),
                "forward_auth.sites[1].access is \"open\"; choose public, one-step, two-steps or two-factor.",
            ),
            (
                format!("{site}access = \"public\"\nroles = [\"admin\"]"),
                "forward_auth.sites[1].access is public, which is for everyone; leave organizations and roles out.",
            ),
            (
                format!("{site}{site}"),
                "forward_auth.sites[2].url is the address of an earlier site as well; join their rules.",
            ),
            (
                format!("{site}roles = []"),
                "forward_auth.sites[1].roles is not a list with something in it; list member, admin or owner, or leave it out.",
            ),
            (
                format!("{site}organizations = [\"x\"]"),
                "forward_auth.sites[1].organizations holds \"x\"; list the ids of organizations.",
            ),
            (
                format!("{site}[[forward_auth.sites.rules]]\npath = \"public\"\naccess = \"public\""),
                "forward_auth.sites[1].rules[1].path is not a plain path; begin it with a slash, write \"/my café/\" and not \"/my%20caf%C3%A9/\", and leave out \"..\", doubled slashes, and any of \\ ; ? # %.",
            ),
            (
                format!("{site}[[forward_auth.sites]]\nurl = \"https://wiki.example.org:8443\""),
                "forward_auth.sites[2].url is on the host of an earlier site, whose cookies it would receive; give each a host of its own.",
            ),
            (
                format!("{site}{}{}", rule("/team/"), rule("/Team/")),
                "forward_auth.sites[1].rules[2].path is the path of an earlier rule as well (the case of letters does not count); leave one of them out.",
            ),
            (
                format!("{site}[[forward_auth.sites.rules]]\npath = \"/public\""),
                "forward_auth.sites[1].rules[1].access is missing; choose public, one-step, two-steps or two-factor.",
            ),
            (
                format!("{site}accepts_login_as = \"yes\""),
                "forward_auth.sites[1].accepts_login_as is not a switch; set true or false.",
            ),
            (
                format!("{site}rules = 1"),
                "forward_auth.sites[1].rules is not a list of tables; write each below a line [[forward_auth.sites.rules]].",
            ),
        ] {
            assert_eq!(sites(&text).unwrap_err(), sentence, "{text}");
        }
        assert!(sites("[[forward_auth.sites]]\nurl = \"http://wiki.example.org\"").is_err());
    }

    #[test]
    fn a_folder_is_named_as_people_write_it() {
        let site = "[[forward_auth.sites]]\nurl = \"https://wiki.example.org\"\n";
        let with = |path| {
            sites(&format!("{site}[[forward_auth.sites.rules]]\npath = '{path}'\naccess = \"public\""))
                .map(drop)
        };
        for path in ["/café/", "/my documents/", "/"] {
            assert_eq!(with(path), Ok(()), "{path}");
        }
        for path in ["/caf%C3%A9/", "/a//b", "/a/../b", "/a;b", "/a?b", "/a#b", "/a\\b", "a", ""] {
            assert!(with(path).is_err(), "{path}");
        }
        let table = "[[forward_auth.sites]]\nurl = \"http://localhost:1\"\n[[forward_auth.sites]]\nurl = \"http://localhost:2\"";
        assert!(sites(table).is_ok(), "on this machine another port is enough");
    }
}
