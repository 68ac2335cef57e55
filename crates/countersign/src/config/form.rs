//! The forms of single settings. Each error is the end of a sentence that begins with the setting's key,
//! without its full stop: what is wrong, and what to do.

use std::net::{IpAddr, SocketAddr};

use countersign_core::email::EmailAddress;
use countersign_store::PostgresAddress;
use ipnet::IpNet;
use url::{Host, Url};

use super::{Country, SecondStepMethod, Secret, Sender};

/// The address people open, from which links, cookies and the check of `Origin` follow.
pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let url = web_address(text, "https://login.example.org")?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("is {text:?}; leave out everything after the host and the port"));
    }
    Ok(url)
}

/// An address that is https, or plain http on loopback, and carries no user name or password. `example` is
/// one.
pub(super) fn web_address(text: &str, example: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .ok()
        .filter(Url::has_host)
        .ok_or_else(|| format!("is not a web address; give one such as {example:?}"))?;
    // First of all, so that no other sentence repeats a password.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or a password; leave them out".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(format!("is {text:?}; begin it with https://, since http:// is for a loopback host alone")),
    }
}

/// Whether the host of `url` is this machine alone (RFC 6761, section 6.3, for the name).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("is {text:?}; give an IP address and a port, such as \"127.0.0.1:8080\""))
}

pub(super) fn service_name(text: &str) -> Result<String, String> {
    if text.contains(':') {
        return Err(format!(
            "is {text:?}; leave out the colon, which authenticator apps read as a separator"
        ));
    }
    match text.chars().count() {
        1..=40 => Ok(text.to_owned()),
        length => Err(format!("has {length} characters; shorten it to at most 40")),
    }
}

/// Where to report a vulnerability, as RFC 9116 §2.5.3 wants it. A plain email address is taken for a `mailto:`.
pub(super) fn security_contact(text: &str) -> Result<String, String> {
    let uri =
        if text.contains('@') && !text.contains(':') { format!("mailto:{text}") } else { text.to_owned() };
    match Url::parse(&uri) {
        Ok(url) if matches!(url.scheme(), "https" | "mailto" | "tel") => Ok(url.into()),
        _ => Err(format!(
            "is {text:?}; give an email address such as \"security@example.org\", or an https address"
        )),
    }
}

/// A page with help for people who can't sign in. Only `https:`, so that a link on our pages never leads to a script, and
/// without credentials, which it would show to everyone.
pub(super) fn support_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.username().is_empty() && url.password().is_none() => {
            Ok(url.into())
        }
        _ => Err(format!("is {text:?}; give an https address such as \"https://help.example.org/\"")),
    }
}

/// A proxy's network; a single address is a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("contains {text:?}; give networks such as \"10.0.0.0/8\""))?;
    if network.prefix_len() == 0 {
        return Err(format!(
            "contains {text:?}, with which anyone could claim any address; name the proxies' own networks"
        ));
    }
    Ok(network.trunc())
}

/// A PostgreSQL address, or `None` for SQLite. No sentence repeats it, since it may carry a password.
pub(super) fn database_url(text: &str) -> Result<Option<PostgresAddress>, String> {
    if text == "sqlite" {
        return Ok(None);
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err("is neither of the two kinds; set \"sqlite\", or an address such as \
             \"postgres://countersign@db.example.org/countersign\""
            .to_owned());
    }
    text.parse().map(Some)
}

pub(super) fn mail_host(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() || Host::parse(text).is_ok_and(|host| matches!(host, Host::Domain(_))) {
        return Ok(text.to_owned());
    }
    Err(format!("is {text:?}; give the mail server's name or IP address alone, and its port as smtp.port"))
}

/// Whether a mail server's name or IP address is this machine.
pub(super) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `address` or `Name <address>`. Only what could break a header or an envelope is refused; the mail server
/// knows which senders exist.
pub(super) fn sender(text: &str) -> Result<Sender, String> {
    let wrong = || format!("is {text:?}; give \"login@example.org\" or \"Example <login@example.org>\"");
    let (name, address) = match text.strip_suffix('>') {
        Some(rest) => rest.split_once('<').ok_or_else(wrong)?,
        None => ("", text),
    };
    let name = name.trim().trim_matches('"').trim();
    let (local, domain) = address.split_once('@').ok_or_else(wrong)?;
    let is_atom = |part: &str| {
        !part.is_empty()
            && !part
                .contains(|c: char| c.is_whitespace() || matches!(c, '@' | '<' | '>' | ',' | ';' | ':' | '"'))
    };
    if !is_atom(local) || !is_atom(domain) || name.contains(['<', '>', '"']) {
        return Err(wrong());
    }
    let name = (!name.is_empty()).then(|| name.to_owned());
    Ok(Sender { name, address: address.to_owned() })
}

/// An email address.
pub(super) fn email_address(text: &str) -> Result<EmailAddress, String> {
    text.parse().map_err(|_| format!("is {text:?}; give an email address such as \"operator@example.org\""))
}

/// A bearer token that an `Authorization` header can carry. The sentence does not repeat it.
pub(super) fn bearer_token(token: &Secret) -> Result<(), String> {
    if token.expose().chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err("contains a space or a letter outside ASCII, which a token cannot; copy it again".to_owned())
}

pub(super) fn country(text: &str) -> Result<Country, String> {
    Country::find(text).ok_or_else(|| {
        format!("contains {text:?}; give ISO 3166-1 codes of two capital letters, such as \"GB\" or \"DE\"")
    })
}

pub(super) fn second_step_method(text: &str) -> Result<SecondStepMethod, String> {
    match text {
        "app" => Ok(SecondStepMethod::App),
        "sms" => Ok(SecondStepMethod::Sms),
        "email" => Ok(SecondStepMethod::Email),
        "backup-code" => Ok(SecondStepMethod::BackupCode),
        _ => Err(format!("contains {text:?}; choose from app, sms, email and backup-code")),
    }
}
