//! Where PostgreSQL is: one or several hosts, and which of them need TLS.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{fmt, net::IpAddr, path::Path, str::FromStr, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs},
};

const PORT: u16 = 5432;

/// How long one address of a host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// How long the system waits for an acknowledgement of what it has sent (RFC 5482).
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// An idle connection is probed after this time, so often, and then given up: within 20 seconds in all.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_RETRIES: u32 = 3;

/// What needs no escape in the parts of an address (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address such as `postgres://user@a:5432,b:5433/name?target_session_attrs=read-write`.
///
/// Every host but this machine (a Unix socket, `localhost`, a loopback address) is spoken to by TLS, unless the address says
/// `sslmode=disable`. Where there are several hosts, only one that takes writes will do, as if the address said
/// `target_session_attrs=read-write`.
///
/// `Display` shows hosts, ports and the name of the database, and never user, password or parameters.
#[derive(Clone)]
pub struct PostgresAddress {
    hosts: Vec<PostgresHost>,
    name: Option<String>,
    random: bool,
}

/// One host of an address, with all that it takes to connect to it.
#[derive(Clone)]
pub(crate) struct PostgresHost {
    pub(crate) config: Config,
    label: String,
    local: bool,
}

impl PostgresAddress {
    /// The hosts on other machines that are spoken to without TLS, because the address says so.
    pub fn unencrypted(&self) -> impl Iterator<Item = &str> {
        let open = |host: &&PostgresHost| !host.local && host.config.get_ssl_mode() == SslMode::Disable;
        self.hosts.iter().filter(open).map(|host| &*host.label)
    }

    pub(crate) fn hosts(&self) -> &[PostgresHost] {
        &self.hosts
    }

    /// Whether connections are spread over the hosts (`load_balance_hosts=random`).
    pub(crate) fn spreads(&self) -> bool {
        self.random
    }
}

impl PostgresHost {
    /// Its name and port, for people.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }
}

impl FromStr for PostgresAddress {
    /// The end of a sentence that begins with the setting's name, without its full stop. It repeats no secret.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("does not begin with postgres://".into());
        }
        let whole: Config = text.parse().map_err(|error: tokio_postgres::Error| unreadable(&error))?;
        let hosts: Vec<Host> = whole.get_hosts().iter().flat_map(apart).collect();
        let (addresses, ports) = (whole.get_hostaddrs(), whole.get_ports());
        let count = hosts.len().max(addresses.len());
        if count == 0 || hosts.contains(&Host::Tcp(String::new())) {
            return Err("names no host; write postgres://user@host/name".into());
        }
        if hosts.iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
            return Err("has a host with an @; write an @ in the user name or the password as %40".into());
        }
        if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
            return Err(format!(
                "has {} hosts and {} in hostaddr; give one address for each host",
                hosts.len(),
                addresses.len()
            ));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(format!("has {count} hosts and {} ports; give one port for each host", ports.len()));
        }
        let several = count > 1;
        let hosts = (0..count).map(|at| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(PORT);
            PostgresHost::new(&whole, hosts.get(at), addresses.get(at).copied(), port, several)
        });
        Ok(Self {
            hosts: hosts.collect(),
            name: whole.get_dbname().map(str::to_owned),
            random: whole.get_load_balance_hosts() == LoadBalanceHosts::Random,
        })
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&str> = self.hosts.iter().map(|host| &*host.label).collect();
        write!(f, "postgres://{}", hosts.join(","))?;
        match &self.name {
            Some(name) => write!(f, "/{}", utf8_percent_encode(name, ESCAPED)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

impl PostgresHost {
    fn new(whole: &Config, host: Option<&Host>, address: Option<IpAddr>, port: u16, several: bool) -> Self {
        let mut config = without_hosts(whole);
        config.port(port);
        match host {
            Some(Host::Tcp(name)) => config.host(name),
            Some(Host::Unix(path)) => config.host_path(path),
            // The certificate has to be for the address, where there is no name.
            None => config.host(address.map(|address| address.to_string()).unwrap_or_default()),
        };
        if let Some(address) = address {
            config.hostaddr(address);
        }
        let local = is_local(host, address);
        if !local && config.get_ssl_mode() != SslMode::Disable {
            config.ssl_mode(SslMode::Require);
        }
        if several && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Self { config, label: label(host, address, port), local }
    }
}

/// `host=a,b` as a parameter is one host to the driver, and two to libpq.
fn apart(host: &Host) -> Vec<Host> {
    match host {
        Host::Tcp(names) => names.split(',').map(|name| Host::Tcp(name.to_owned())).collect(),
        Host::Unix(path) => vec![Host::Unix(path.clone())],
    }
}

/// Everything but where to connect to.
fn without_hosts(whole: &Config) -> Config {
    let mut config = Config::new();
    config
        .ssl_mode(whole.get_ssl_mode())
        .ssl_negotiation(whole.get_ssl_negotiation())
        .channel_binding(whole.get_channel_binding())
        .target_session_attrs(whole.get_target_session_attrs())
        .application_name(whole.get_application_name().unwrap_or("countersign"))
        .connect_timeout(whole.get_connect_timeout().copied().unwrap_or(CONNECT).min(CONNECT))
        .tcp_user_timeout(whole.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED).min(UNACKNOWLEDGED))
        .keepalives(whole.get_keepalives())
        .keepalives_idle(whole.get_keepalives_idle().min(KEEPALIVE_IDLE))
        .keepalives_interval(
            whole.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL).min(KEEPALIVE_INTERVAL),
        )
        .keepalives_retries(
            whole.get_keepalives_retries().unwrap_or(KEEPALIVE_RETRIES).min(KEEPALIVE_RETRIES),
        );
    if let Some(user) = whole.get_user() {
        config.user(user);
    }
    if let Some(password) = whole.get_password() {
        config.password(password);
    }
    if let Some(name) = whole.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = whole.get_options() {
        config.options(options);
    }
    config
}

/// Whether what is sent to this host stays on this machine. Of names only `localhost` counts: resolvers do not agree on the
/// names below it (RFC 6761 §6.3).
fn is_local(host: Option<&Host>, address: Option<IpAddr>) -> bool {
    match (address, host) {
        (Some(address), _) => address.to_canonical().is_loopback(),
        (None, Some(Host::Unix(_))) => true,
        (None, Some(Host::Tcp(name))) => {
            let loopback = |address: IpAddr| address.to_canonical().is_loopback();
            name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(loopback)
        }
        (None, None) => false,
    }
}

fn label(host: Option<&Host>, address: Option<IpAddr>, port: u16) -> String {
    let escaped = |path: &Path| utf8_percent_encode(&path.to_string_lossy(), ESCAPED).to_string();
    let host = match (host, address) {
        (Some(Host::Unix(path)), _) => escaped(path),
        (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]"),
        (Some(Host::Tcp(name)), _) => escaped(Path::new(name)),
        (None, Some(IpAddr::V6(address))) => format!("[{address}]"),
        (None, Some(IpAddr::V4(address))) => address.to_string(),
        (None, None) => String::new(),
    };
    if port == PORT { host } else { format!("{host}:{port}") }
}

/// What the driver says of an address, without repeating any of it but the name of a parameter.
fn unreadable(error: &tokio_postgres::Error) -> String {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let parameter =
        why.split('`').nth(1).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    match parameter {
        Some(name @ "sslmode") => {
            format!("has an {name} that is none of disable, prefer and require; choose one of them")
        }
        Some("port") => {
            "has a port that is no number; write an @ in the user name or the password as %40".into()
        }
        Some(name) => format!("has a parameter {name} that cannot be used; correct it or leave it out"),
        None => {
            "cannot be read; write postgres://user:password@host:port/name, with %XX for special characters"
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PostgresAddress {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Of each host: what is shown of it, and how it is spoken to.
    fn hosts(text: &str) -> Vec<(String, SslMode)> {
        let address = read(text);
        address.hosts().iter().map(|host| (host.label.clone(), host.config.get_ssl_mode())).collect()
    }

    #[test]
    fn every_host_but_this_machine_needs_tls() {
        for (text, expected) in [
            ("postgres://db.example.org/x", SslMode::Require),
            ("postgres://db.example.org/x?sslmode=prefer", SslMode::Require),
            ("postgres://db.example.org/x?sslmode=disable", SslMode::Disable),
            ("postgres://10.0.0.5/x", SslMode::Require),
            ("postgres://[2001:db8::5]/x", SslMode::Require),
            ("postgres://localhost.example.org/x", SslMode::Require),
            // Not every resolver keeps these on this machine.
            ("postgres://db.localhost/x", SslMode::Require),
            ("postgres://0.0.0.0/x", SslMode::Require),
            // The address counts, and not the name.
            ("postgres://localhost/x?hostaddr=10.0.0.5", SslMode::Require),
            ("postgres://db.example.org/x?hostaddr=127.0.0.1", SslMode::Prefer),
            ("postgres:///x?hostaddr=10.0.0.5", SslMode::Require),
            ("postgres://localhost/x", SslMode::Prefer),
            ("postgres://LOCALHOST/x?sslmode=require", SslMode::Require),
            ("postgres://127.9.9.9/x", SslMode::Prefer),
            ("postgres://[::1]/x", SslMode::Prefer),
            ("postgres://[::ffff:127.0.0.1]/x", SslMode::Prefer),
            ("postgres://%2Frun%2Fpostgresql/x", SslMode::Prefer),
            ("postgresql:///x?host=/run/postgresql", SslMode::Prefer),
        ] {
            assert_eq!(hosts(text).iter().map(|(_, mode)| *mode).collect::<Vec<_>>(), [expected], "{text}");
        }
        let open = |text: &str| read(text).unencrypted().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(open("postgres://a,localhost:1,b/x?sslmode=disable"), ["a", "b"]);
        assert!(open("postgres://a,localhost:1,b/x").is_empty());
    }

    #[test]
    fn several_hosts_are_read_in_every_form() {
        let both = |host: &str| (host.to_owned(), SslMode::Require);
        for (text, expected) in [
            ("postgres://u@a:5432,b:5433/x", vec![both("a"), both("b:5433")]),
            ("postgres://u:p@a,b/x", vec![both("a"), both("b")]),
            ("postgres:///x?host=a&host=b&port=6000", vec![both("a:6000"), both("b:6000")]),
            ("postgres:///x?host=a,b&port=6000,6001", vec![both("a:6000"), both("b:6001")]),
            ("postgres://a,b/x?hostaddr=10.0.0.1,10.0.0.2", vec![both("a"), both("b")]),
            ("postgres:///x?hostaddr=10.0.0.1,2001:db8::2", vec![both("10.0.0.1"), both("[2001:db8::2]")]),
            ("postgres://localhost,b/x", vec![("localhost".into(), SslMode::Prefer), both("b")]),
        ] {
            assert_eq!(hosts(text), expected, "{text}");
            let writes =
                |host: &PostgresHost| host.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
            assert!(read(text).hosts().iter().all(writes), "{text}");
        }
        let one = read("postgres://a/x");
        assert_eq!(one.hosts[0].config.get_target_session_attrs(), TargetSessionAttrs::Any);
        // What stands for all of them stands for each.
        let two = read("postgres://u:p%40@a,b/x?application_name=n&options=-c%20a%3Db");
        for host in two.hosts() {
            let config = &host.config;
            assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(&b"p@"[..])));
            assert_eq!((config.get_dbname(), config.get_options()), (Some("x"), Some("-c a=b")));
            assert_eq!(config.get_application_name(), Some("n"));
            assert_eq!((config.get_hosts().len(), config.get_ports().len()), (1, 1));
        }
    }

    #[test]
    fn what_is_shown_is_an_address_without_secrets() {
        for (text, shown) in [
            ("postgresql://u:hidden@a:5432,b:5433/x?options=hidden", "postgres://a,b:5433/x"),
            ("postgres://u:hidden@[::1]:6000/a%0Ab", "postgres://[::1]:6000/a%0Ab"),
            ("postgres:///x?host=/run/postgresql&password=hidden", "postgres://%2Frun%2Fpostgresql/x"),
            ("postgres://u@a", "postgres://a"),
        ] {
            let address = read(text);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("PostgresAddress({shown})"));
            assert!(shown.parse::<PostgresAddress>().is_ok(), "{shown}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        for (text, problem) in [
            ("host=a user=u", "does not begin with postgres://"),
            ("POSTGRES://a/x", "does not begin with postgres://"),
            ("postgres:///x", "names no host"),
            ("postgres://a,,b/x", "names no host"),
            ("postgres://u:hidden@hidden@a/x", "write an @ in the user name or the password as %40"),
            ("postgres://u:hid@d:en@a:5432/x", "write an @ in the user name or the password as %40"),
            ("postgres://a,b/x?hostaddr=10.0.0.1", "has 2 hosts and 1 in hostaddr"),
            ("postgres://a/x?hostaddr=hidden", "has a parameter hostaddr that cannot be used"),
            ("postgres:///x?host=a,b,c&port=1,2", "has 3 hosts and 2 ports"),
            (
                "postgres://a/x?sslmode=verify-full",
                "has an sslmode that is none of disable, prefer and require",
            ),
            ("postgres://a/x?sslrootcert=hidden", "has a parameter sslrootcert that cannot be used"),
            ("postgres://a/x?hidden1=hidden", "cannot be read"),
            ("postgres://a/x?hidden", "cannot be read"),
        ] {
            let told = text.parse::<PostgresAddress>().unwrap_err();
            assert!(told.contains(problem) && !told.contains("hidden"), "{text}: {told}");
        }
    }
}
