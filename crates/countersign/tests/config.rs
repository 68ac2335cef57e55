//! The configuration as an operator meets it: what is read, from where, and what is said about mistakes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign::config::table::{Fallback, Kind, SETTINGS, Setting};
use countersign::config::{
    Config, ConfigError, Database, LogFormat, LogLevel, Mode, Overrides, SecondStepMethod, Sender, Settings,
    SmtpSecurity,
};
use tempfile::TempDir;

/// What production cannot do without.
const NEEDED: [(&str, &str); 3] = [
    ("public_url", "\"https://login.example.org\""),
    ("smtp.host", "\"mail.example.org\""),
    ("smtp.from", "\"login@example.org\""),
];

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A file with `text` in it and, before that, whatever it lacks of [`NEEDED`].
fn file(text: &str) -> (TempDir, PathBuf) {
    let given = |key: &str| text.lines().any(|line| line.split('=').next().unwrap().trim() == key);
    let mut whole = String::new();
    for (key, value) in NEEDED.iter().filter(|(key, _)| !given(key)) {
        whole += &format!("{key} = {value}\n");
    }
    whole += text;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countersign.toml");
    fs::write(&path, whole).unwrap();
    (directory, path)
}

fn settings(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let (_directory, path) = file(text);
    Settings::for_production(&path, environment(variables))
}

fn production(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    settings(text, variables)?.config()
}

fn dev(text: &str, variables: &[(&str, &str)], overrides: Overrides) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    Settings::for_dev(Some(&path), environment(variables), overrides)?.config()
}

fn project_file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The value and origin that `--check` shows for `key`.
fn explained(settings: &Settings, key: &str) -> (String, String) {
    let text = settings.explain().unwrap();
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
    let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    (columns[1].to_owned(), columns[2].to_owned())
}

#[test]
fn the_needed_settings_are_enough_and_the_rest_has_its_default() {
    let config = production("", &[]).unwrap();
    assert_eq!(config.mode, Mode::Production);
    assert_eq!(config.public_url.as_str(), "https://login.example.org/");
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.metrics_listen, config.trusted_proxies.len()), (None, 0));
    assert_eq!(config.service_name, "Countersign");
    assert_eq!(config.database, Database::Sqlite { path: "/var/lib/countersign/countersign.db".into() });
    assert_eq!(config.keys_file, Path::new("/var/lib/countersign/keys.toml"));
    let smtp = config.smtp.clone().unwrap();
    assert_eq!((smtp.host.as_str(), smtp.port), ("mail.example.org", 587));
    assert_eq!((smtp.security, smtp.credentials), (SmtpSecurity::StartTls, None));
    assert_eq!(smtp.from, Sender { name: None, address: "login@example.org".to_owned() });
    assert!(!config.sms_is_on() && config.sms.allowed_countries.is_empty());
    assert_eq!(config.session.idle, Duration::from_secs(3600));
    assert_eq!(config.session.max, Duration::from_secs(86_400));
    assert_eq!(config.session.login_as, Duration::from_secs(3600));
    assert_eq!(config.step_up_max_age, Duration::from_secs(300));
    assert_eq!(config.second_step.methods.len(), 4);
    assert_eq!(config.second_step.wrong_codes_before_pause, 10);
    assert_eq!(config.second_step.pause, Duration::from_secs(900));
    assert_eq!(config.second_step.wrong_codes_before_disable, 100);
    assert_eq!(config.code.lifetime, Duration::from_secs(600));
    assert_eq!(config.code.resend, Duration::from_secs(30));
    assert_eq!(config.enrolment_lifetime, Duration::from_secs(600));
    let password = config.password;
    assert_eq!((password.queue, password.wrong_before_delay), (64, 5));
    assert_eq!((password.memory_kib, password.iterations, password.parallelism), (19_456, 2, 1));
    assert_eq!(config.network_wrong_before_delay, 50);
    let http = config.http;
    let seconds = (http.header.as_secs(), http.body.as_secs(), http.idle.as_secs());
    assert_eq!((seconds, config.drain.as_secs()), ((10, 20, 75), 5));
    assert_eq!((http.max_connections, http.max_connections_per_network), (4096, 512));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, LogLevel::Info));
}

#[test]
fn methods_that_cannot_work_are_not_on_offer() {
    let off = production("", &[]).unwrap();
    assert!(!off.offers(SecondStepMethod::Sms) && off.offers(SecondStepMethod::App));
    let gateway = "sms.url = 'https://sms.example.org'\nsms.token = 't'\nsms.from = 'Example'\n";
    assert!(!production(gateway, &[]).unwrap().offers(SecondStepMethod::Sms));
    let on =
        production(&format!("{gateway}sms.allowed_countries = ['GB']\nsecond_step.methods = ['sms']"), &[]);
    let on = on.unwrap();
    assert!(on.offers(SecondStepMethod::Sms) && !on.offers(SecondStepMethod::App));
}

/// Lines of a file, and below them, indented, what is said about them. The sentence begins with the key.
const MISTAKES: &str = r#"
public_url = 'login'
    public_url is not a web address; give one such as "https://login.example.org".
public_url = 'http://login.example.org'
    public_url is "http://login.example.org"; begin it with https://, since http:// is for a loopback host alone.
public_url = 'ftp://localhost'
    public_url is "ftp://localhost"; begin it with https://, since http:// is for a loopback host alone.
public_url = 'https://a.example/b'
    public_url is "https://a.example/b"; leave out everything after the host and the port.
public_url = 'https://a.example/?'
    public_url is "https://a.example/?"; leave out everything after the host and the port.
public_url = 'https://u:hidden@a.example'
    public_url carries a user name or a password; leave them out.
public_url = ''
    public_url is empty; give it a value or leave it out.
public_url = 1
    public_url is a number; write it as text in quotes.
security.contact = 'call us'
    security.contact is "call us"; give an email address such as "security@example.org", or an https address.
support.url = 'javascript:alert(1)'
    support.url is "javascript:alert(1)"; give an https address such as "https://help.example.org/".
support.url = 'https://user:word@help.example.org/'
    support.url is "https://user:word@help.example.org/"; give an https address such as "https://help.example.org/".
listen = '8080'
    listen is "8080"; give an IP address and a port, such as "127.0.0.1:8080".
listen = 'localhost:8080'
    listen is "localhost:8080"; give an IP address and a port, such as "127.0.0.1:8080".
metrics_listen = '127.0.0.1:8080'
    metrics_listen is the same address as listen; give it another port.
http.header_seconds = 0
    http.header_seconds is 0; set a whole number from 1 to 60.
http.max_connections = 100
    http.max_connections_per_network is more than http.max_connections; lower it, or raise that.
data_dir = "a\nb"
    data_dir holds a line break or another control character; remove it.
service_name = 'a:b'
    service_name is "a:b"; leave out the colon, which authenticator apps read as a separator.
service_name = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    service_name has 41 characters; shorten it to at most 40.
trusted_proxies = '10.0.0.0/8'
    trusted_proxies is text; write a list such as ["one", "two"].
trusted_proxies = ['10.0.0.0/99']
    trusted_proxies contains "10.0.0.0/99"; give networks such as "10.0.0.0/8".
trusted_proxies = [10]
    trusted_proxies contains a number; write each entry as text in quotes.
trusted_proxies = ['::/0']
    trusted_proxies contains "::/0", with which anyone could claim any address; name the proxies' own networks.
trusted_proxies = ['10.0.0.1', '10.0.0.1/32']
    trusted_proxies contains "10.0.0.1/32" twice; leave one of them out.
database.url = 'mysql://u:hidden@db/x'
    database.url is neither of the two kinds; set "sqlite", or an address such as "postgres://countersign@db.example.org/countersign".
database.connections = 0
    database.connections is 0; set a whole number from 1 to 1000.
smtp.host = 'mail.example.org:25'
    smtp.host is "mail.example.org:25"; give the mail server's name or IP address alone, and its port as smtp.port.
smtp.port = 65536
    smtp.port is 65536; set a whole number from 1 to 65535.
smtp.port = '25'
    smtp.port is text; write a whole number without quotes.
smtp.security = 'ssl'
    smtp.security is "ssl"; set one of starttls, tls, none.
smtp.security = 'none'
    smtp.security is "none", which would send codes in the clear; set "starttls" or "tls" for a host that is not loopback.
smtp.username = 'u'
    smtp.username is set without a password; set smtp.password or smtp.password_file as well.
smtp.password = 'hidden'
    smtp.password is set without a user name; set smtp.username as well.
smtp.password = 5
    smtp.password is a number; write it as text in quotes.
smtp.password = 'hidden'
smtp.password_file = '/f'
    smtp.password is given twice, here and as smtp.password_file; leave one of them out.
smtp.from = 'nobody'
    smtp.from is "nobody"; give "login@example.org" or "Example <login@example.org>".
smtp.from = 'A <a@b> <c@d>'
    smtp.from is "A <a@b> <c@d>"; give "login@example.org" or "Example <login@example.org>".
smtp.from = 'a@b, c@d'
    smtp.from is "a@b, c@d"; give "login@example.org" or "Example <login@example.org>".
sms.url = 'http://sms.example.org'
    sms.url is "http://sms.example.org"; begin it with https://, since http:// is for a loopback host alone.
sms.url = 'https://sms.example.org'
    sms.token is missing; set the gateway's token, or sms.token_file, in the configuration file or as COUNTERSIGN_SMS_TOKEN.
sms.url = 'https://sms.example.org'
sms.token = 't'
    sms.from is missing; set the number or the name that SMS come from, in the configuration file or as COUNTERSIGN_SMS_FROM.
sms.url = 'https://sms.example.org'
sms.token = 'hid den'
    sms.token contains a space or a letter outside ASCII, which a token cannot; copy it again.
sms.token = "hid\nden"
    sms.token holds a line break or another control character; give it as one line.
sms.allowed_countries = ['UK']
    sms.allowed_countries contains "UK"; give ISO 3166-1 codes of two capital letters, such as "GB" or "DE".
session = 60
    session is a section; write its keys below a line [session].
session.idle_minutes = 120
session.max_hours = 1
    session.idle_minutes is longer than session.max_hours; shorten it, or lengthen that.
session.login_as_minutes = 61
    session.login_as_minutes is 61; set a whole number from 1 to 60.
session.max_hours = -1
    session.max_hours is -1; set a whole number from 1 to 720.
session.max_hours = 1.5
    session.max_hours is a decimal number; write a whole number without quotes.
step_up.max_age_seconds = 3601
    step_up.max_age_seconds is 3601; set a whole number from 1 to 3600.
second_step.methods = ['backup-code']
    second_step.methods leaves no method that an account can set up; list at least one of app, sms and email.
second_step.methods = []
    second_step.methods leaves no method that an account can set up; list at least one of app, sms and email.
second_step.methods = ['totp']
    second_step.methods contains "totp"; choose from app, sms, email and backup-code.
second_step.methods = ['sms']
    second_step.methods offers sms alone while SMS is off; set sms.url and sms.allowed_countries, or list app or email.
second_step.wrong_codes_before_disable = 101
    second_step.wrong_codes_before_disable is 101; set a whole number from 1 to 100.
second_step.wrong_codes_before_disable = 9
    second_step.wrong_codes_before_pause is more than second_step.wrong_codes_before_disable; lower it, or raise that.
code.lifetime_minutes = 11
    code.lifetime_minutes is 11; set a whole number from 1 to 10.
password.memory_kib = 19455
    password.memory_kib is 19455; set a whole number from 19456 to 1048576.
password.iterations = 1
    password.iterations is 1; set a whole number from 2 to 100.
[[forward_auth.sites]]
url = 'https://login.example.org:8443'
    public_url is on the host of a site in forward_auth.sites; give each a host of its own, for another port would receive the same cookies.
log.level = 'loud'
    log.level is "loud"; set one of error, warn, info, debug, trace.
"#;

#[test]
fn every_mistake_is_one_sentence_that_names_the_key_and_the_remedy() {
    let mut text = String::new();
    for line in MISTAKES.lines() {
        let Some(sentence) = line.strip_prefix("    ") else {
            text += line;
            text.push('\n');
            continue;
        };
        let error = production(&text, &[]).expect_err(&text);
        assert_eq!(error.to_string(), sentence, "{text}");
        assert_eq!(error.key(), sentence.split(' ').next().unwrap());
        text.clear();
    }
    assert!(text.is_empty(), "no sentence for {text}");
}

#[test]
fn what_is_missing_in_production_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countersign.toml");
    let mut text = String::new();
    for (needed, remedy) in NEEDED.iter().zip([
        "public_url is missing; set the address that people open, such as \"https://login.example.org\", \
         in the configuration file or as COUNTERSIGN_PUBLIC_URL.",
        "smtp.host is missing; name the mail server that sends codes, \
         in the configuration file or as COUNTERSIGN_SMTP_HOST.",
        "smtp.from is missing; set the sender of e-mails, such as \"login@example.org\", \
         in the configuration file or as COUNTERSIGN_SMTP_FROM.",
    ]) {
        fs::write(&path, &text).unwrap();
        let error = Settings::for_production(&path, []).unwrap().config().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.key()), (remedy, needed.0));
        text += &format!("{} = {}\n", needed.0, needed.1);
    }
}

#[test]
fn an_unknown_key_or_variable_is_refused_with_what_was_meant() {
    let list = "remove it, or choose one from the list in `countersign serve --help`.";
    for (text, key, problem) in [
        ("pubic_url = 'x'", "pubic_url", "did you mean public_url?"),
        ("[session]\nidle_minute = 1", "session.idle_minute", "did you mean session.idle_minutes?"),
        ("[sesion]\nidle_minutes = 1", "sesion.idle_minutes", "did you mean session.idle_minutes?"),
        ("idle_minutes = 1", "idle_minutes", "did you mean session.idle_minutes?"),
        ("smtp.username.given = 'x'", "smtp.username", "write it as text in quotes."),
        ("colour = 'red'", "colour", list),
        ("[colours]", "colours", list),
        ("[session]\ncolour = 'red'", "session.colour", list),
    ] {
        let error = settings(text, &[]).expect_err(text);
        assert_eq!(error.key(), key, "{text}");
        let told = error.to_string();
        assert!(told.starts_with(&format!("{key} is ")) && told.ends_with(problem), "{told}");
    }
    for (variable, problem) in [
        ("COUNTERSIGN_DATABSE_URL", "did you mean COUNTERSIGN_DATABASE_URL?"),
        ("COUNTERSIGN_SMTP_PASSWORD_FIEL", "did you mean COUNTERSIGN_SMTP_PASSWORD_FILE?"),
        ("COUNTERSIGN_COLOUR", list),
        ("COUNTERSIGN_", list),
    ] {
        let error = settings("", &[(variable, "")]).unwrap_err();
        assert_eq!(error.to_string(), format!("{variable} is not a setting; {problem}"));
        assert_eq!(error.key(), variable);
    }
    let others = [("COUNTERSIGN_TEST_X", "1"), ("COUNTERSIGN_BIN", "1"), ("PATH", "1")];
    assert!(settings("", &others).is_ok());
}

#[test]
fn the_environment_wins_over_the_file() {
    let both =
        settings("session.idle_minutes = 20", &[("COUNTERSIGN_SESSION_IDLE_MINUTES", " 30 ")]).unwrap();
    assert_eq!(both.config().unwrap().session.idle, Duration::from_secs(1800));
    assert_eq!(explained(&both, "session.idle_minutes"), ("30".to_owned(), "environment".to_owned()));

    let empty = settings("session.idle_minutes = 20", &[("COUNTERSIGN_SESSION_IDLE_MINUTES", "")]).unwrap();
    assert_eq!(explained(&empty, "session.idle_minutes"), ("20".to_owned(), "file".to_owned()));
    let neither = settings("", &[]).unwrap();
    assert_eq!(explained(&neither, "session.idle_minutes"), ("60".to_owned(), "default".to_owned()));

    let lists = [("COUNTERSIGN_TRUSTED_PROXIES", "10.1.2.3/8, ::1,")];
    let proxies = production("trusted_proxies = ['192.0.2.1']", &lists).unwrap().trusted_proxies;
    assert_eq!(proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);

    let wrong = settings("session.idle_minutes = 20", &[("COUNTERSIGN_SESSION_IDLE_MINUTES", "soon")]);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "session.idle_minutes (COUNTERSIGN_SESSION_IDLE_MINUTES) is \"soon\"; set a whole number from 1 to 1440.",
    );
}

#[test]
fn a_secret_comes_from_a_file_without_its_last_line_break() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "pass word\r\n").unwrap();
    let shown = secret.display();
    let text = format!("smtp.username = 'u'\nsmtp.password_file = '{shown}'");
    let password =
        |settings: Settings| settings.config().unwrap().smtp.unwrap().credentials.unwrap().password;

    let from_file = settings(&text, &[]).unwrap();
    assert_eq!(explained(&from_file, "smtp.password"), ("(set)".to_owned(), "secret file".to_owned()));
    assert_eq!(password(from_file).expose(), "pass word");

    let replaced = settings(&text, &[("COUNTERSIGN_SMTP_PASSWORD", "other")]).unwrap();
    assert_eq!(explained(&replaced, "smtp.password_file").0, "(not set)");
    assert_eq!(password(replaced).expose(), "other");

    let variable = shown.to_string();
    let inline = "smtp.username = 'u'\nsmtp.password = 'other'";
    let replaced = settings(inline, &[("COUNTERSIGN_SMTP_PASSWORD_FILE", &variable)]).unwrap();
    assert_eq!(password(replaced).expose(), "pass word");

    for content in ["", "\n", "two\nlines\n"] {
        fs::write(&secret, content).unwrap();
        assert_eq!(
            settings(&text, &[]).unwrap_err().to_string(),
            format!(
                "smtp.password_file names {shown}, which does not hold one line of text; \
                 write the secret into it and nothing else."
            ),
        );
    }
    fs::remove_file(&secret).unwrap();
    let told = settings(&text, &[]).unwrap_err().to_string();
    assert!(told.starts_with(&format!("smtp.password_file names {shown}, which cannot be read (")), "{told}");
    assert!(told.ends_with("; check its path and its permissions."), "{told}");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_told_without_quoting_it() {
    let error = Settings::for_production(Path::new("/no/such/file"), []).unwrap_err();
    assert_eq!(error.key(), "--config");
    let told = error.to_string();
    assert!(told.starts_with("The configuration file /no/such/file cannot be read ("), "{told}");
    assert!(told.ends_with("; give the path of a readable TOML file to --config."), "{told}");

    for text in ["smtp.password = hidden", "smtp.password = 'hidden", "smtp.password = 'hidden' 'x'"] {
        let told = settings(text, &[]).unwrap_err().to_string();
        assert!(told.contains(" is not valid TOML; correct line 4 ("), "{told}");
        assert!(!told.contains("hidden") && !told.contains('\n'), "{told}");
    }
}

#[test]
fn no_secret_is_shown() {
    let text = "smtp.username = 'u'\nsmtp.password = 'hidden-1'\n\
        sms.url = 'https://sms.example.org/'\nsms.token = 'hidden-2'\nsms.from = 'E'\n\
        database.url = 'postgres://u:hidden-3@db.example.org:5433/name?password=hidden-4'";
    let settings = settings(text, &[]).unwrap();
    let config = settings.config().unwrap();
    for shown in [format!("{settings:?}"), format!("{config:?}"), settings.explain().unwrap()] {
        assert!(!shown.contains("hidden"), "{shown}");
    }
    assert_eq!(explained(&settings, "smtp.password"), ("(set)".to_owned(), "file".to_owned()));
    assert_eq!(explained(&settings, "sms.token").0, "(set)");
    assert_eq!(explained(&settings, "database.url").0, "postgres://db.example.org:5433/name");
    let Database::Postgres { url, connections } = config.database else { panic!("not PostgreSQL") };
    assert!(url.expose().ends_with("password=hidden-4"));
    assert_eq!(connections.get(), 10);
}

#[test]
fn the_database_may_be_on_several_hosts() {
    let url = |url: &str| settings(&format!("database.url = '{url}'"), &[]);
    for (text, shown) in [
        ("postgres://u:hidden@a:5432,b:5433/x?target_session_attrs=read-write", "postgres://a,b:5433/x"),
        ("postgres:///x?host=a&host=b&user=u&password=hidden", "postgres://a,b/x"),
        ("postgres://u@a,b/x?hostaddr=10.0.0.1,10.0.0.2", "postgres://a,b/x"),
        ("postgres://u@%2Frun%2Fpostgresql,localhost/x", "postgres://%2Frun%2Fpostgresql,localhost/x"),
    ] {
        let settings = url(text).unwrap();
        assert_eq!(explained(&settings, "database.url").0, shown);
        let Database::Postgres { url, .. } = settings.config().unwrap().database else { panic!("{text}") };
        assert_eq!(url.expose(), text);
    }
    let open = url("postgres://u@a,localhost,b:1/x?sslmode=disable").unwrap().explain().unwrap();
    for host in ["a", "b:1"] {
        let note = format!("PostgreSQL at {host} is not encrypted, because of sslmode=disable.");
        assert!(open.contains(&note), "{open}");
    }
    assert_eq!(open.matches("is not encrypted").count(), 2, "{open}");
    for (text, problem) in [
        ("postgres://u@a,b/x?hostaddr=10.0.0.1", "has 2 hosts and 1 in hostaddr"),
        ("postgres://u:hidden@hidden@a/x", "write an @ in the user name or the password as %40"),
        ("postgres:///x", "names no host"),
    ] {
        let told = url(text).unwrap().config().unwrap_err().to_string();
        assert!(
            told.starts_with("database.url ") && told.contains(problem) && !told.contains("hidden"),
            "{told}"
        );
    }
}

#[test]
fn check_says_what_follows_and_refuses_what_is_wrong() {
    let text = settings("password.threads = 3", &[]).unwrap().explain().unwrap();
    assert!(text.ends_with(
        "\n\nSMS is off, because sms.url is not set.\n\
         Checking passwords takes up to 57 MiB of memory.\n\
         The configuration is valid.\n"
    ));
    let keys: Vec<&str> = text.lines().take(SETTINGS.len()).map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(keys, SETTINGS.iter().map(|setting| setting.path).collect::<Vec<_>>());
    assert!(settings("listen = 'x'", &[]).unwrap().explain().is_err());
}

#[test]
fn dev_needs_nothing_and_its_address_follows_the_listener() {
    let mut config = Config::for_dev(Overrides::default()).unwrap();
    assert_eq!(config.mode, Mode::Dev);
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!(config.data_dir, Path::new("./countersign-data"));
    assert_eq!(config.keys_file, Path::new("./countersign-data/keys.toml"));
    assert!(config.smtp.is_none() && config.offers(SecondStepMethod::Sms));
    let mut countries = config.sms.allowed_countries.iter().map(|country| country.code());
    assert!(countries.any(|code| code == "NZ"));
    config.listens_on("127.0.0.1:40123".parse().unwrap());
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:40123/");
    assert_eq!(config.listen.port(), 40123);

    let mut own = dev("public_url = 'http://localhost:9000'", &[], Overrides::default()).unwrap();
    own.listens_on("127.0.0.1:40123".parse().unwrap());
    assert_eq!(own.public_url.as_str(), "http://localhost:9000/");
}

#[test]
fn dev_takes_limits_from_the_file_and_places_from_the_command_line() {
    let overrides =
        Overrides { data_dir: Some("/tmp/d".into()), listen: Some("127.0.0.1:0".parse().unwrap()) };
    let text = "data_dir = '/other'\nlisten = '127.0.0.1:1'\nsession.idle_minutes = 5";
    let config = dev(text, &[("COUNTERSIGN_DATA_DIR", "/third")], overrides).unwrap();
    assert_eq!(config.session.idle, Duration::from_secs(300));
    assert_eq!(config.data_dir, Path::new("/tmp/d"));
    assert_eq!((config.listen.ip(), config.listen.port()), (IpAddr::from([127, 0, 0, 1]), 0));
}

#[test]
fn dev_stays_on_loopback() {
    let choose = "choose a loopback address such as 127.0.0.1:8080 with --dev.";
    for (text, variables, told) in [
        ("listen = '0.0.0.0:80'", &[][..], format!("listen is 0.0.0.0:80; {choose}")),
        (
            "",
            &[("COUNTERSIGN_LISTEN", "[::]:80")],
            format!("listen (COUNTERSIGN_LISTEN) is [::]:80; {choose}"),
        ),
        ("metrics_listen = '10.0.0.1:80'", &[], format!("metrics_listen is 10.0.0.1:80; {choose}")),
        (
            "public_url = 'https://login.example.org'",
            &[],
            "public_url is not a loopback address; leave it out with --dev.".to_owned(),
        ),
    ] {
        assert_eq!(dev(text, variables, Overrides::default()).unwrap_err().to_string(), told);
    }
}

/// The example with every optional setting in effect, save those for which `leave_out` holds.
fn whole_example(leave_out: impl Fn(&str) -> bool) -> toml::Table {
    let mut text = String::new();
    for line in project_file("countersign.example.toml").lines() {
        let setting = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        let line = setting.unwrap_or(line);
        if !leave_out(line.split(" = ").next().unwrap()) {
            text += line;
            text.push('\n');
        }
    }
    text.parse().unwrap()
}

/// The settings of a file as text, as the environment would give them.
fn flat(table: &toml::Table) -> Vec<(String, String)> {
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(|i| i.as_str().unwrap()).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let mut all = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(section) => {
                all.extend(section.iter().map(|(inner, value)| (format!("{key}.{inner}"), text(value))));
            }
            value => all.push((key.clone(), text(value))),
        }
    }
    all
}

#[test]
fn the_example_is_valid_has_every_setting_and_shows_the_defaults() {
    let example = project_file("countersign.example.toml");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("example.toml");
    fs::write(&path, &example).unwrap();
    Settings::for_production(&path, []).unwrap().config().unwrap();

    let whole = flat(&whole_example(|_| false));
    let keys: BTreeSet<&str> = whole.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, SETTINGS.iter().map(|setting| setting.path).collect::<BTreeSet<_>>());
    for (key, value) in &whole {
        if let Fallback::Value(default) = Setting::find(key).unwrap().fallback {
            assert_eq!(value, default, "{key}");
        }
    }
}

#[test]
fn every_setting_can_come_from_the_environment_and_means_the_same_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("whole.toml");
    let whole = whole_example(|key| key.ends_with("_file") && key != "keys_file");
    fs::write(&path, whole.to_string()).unwrap();
    let from_file = Settings::for_production(&path, []).unwrap();

    let variables = flat(&whole)
        .into_iter()
        .map(|(key, value)| (OsString::from(Setting::find(&key).unwrap().env()), OsString::from(value)));
    let from_environment = Settings::for_production(Path::new("/dev/null"), variables).unwrap();
    assert_eq!(from_environment.config().unwrap(), from_file.config().unwrap());
    for setting in SETTINGS.iter().filter(|setting| setting.kind != Kind::SecretFile) {
        assert_eq!(explained(&from_file, setting.path).1, "file", "{}", setting.path);
        assert_eq!(explained(&from_environment, setting.path).1, "environment", "{}", setting.path);
    }
}
