//! The checks, in the order in which they are printed.

use super::{Finding, Findings};
use crate::config::{Config, Database, Mode};
use crate::keys;
use crate::wiring::{self, Failure, Start};
use countersign_core::{Clock as _, email::EmailAddress, ids::MessageId, message::Channel};
use countersign_delivery::{DevOutbox, Outgoing, Rendered, Transports};
use countersign_flows::{
    ambient::{OsEntropy, SystemClock},
    readiness,
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// No check of the network takes longer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Below this, a full disk is near.
const LITTLE_SPACE: u64 = 1 << 30;

/// Below this, the database can't grow any more.
const NO_SPACE: u64 = 64 << 20;

/// All of them. What depends on a check that failed is left out.
pub(super) async fn all(config: &Config, send_test: Option<&str>, findings: &mut Findings) {
    findings.add("data_dir", data_dir(config));
    let keys = keys(config);
    let keys_work = matches!(keys, Finding::Ok(_));
    findings.add("keys_file", keys);
    if keys_work {
        database(config, findings).await;
    }
    findings.add("public_url", public_url(config).await);
    findings.add("trusted_proxies", trusted_proxies(config));
    messages(config, send_test, findings).await;
}

fn failed(failure: &Failure) -> Finding {
    Finding::Failed(failure.to_string())
}

/// Permissions and free space.
fn data_dir(config: &Config) -> Finding {
    if let Err(failure) = wiring::check_data_dir(config) {
        return failed(&failure);
    }
    let dir = config.data_dir.display();
    if let Err(error) = rustix::fs::access(&config.data_dir, rustix::fs::Access::WRITE_OK) {
        return Finding::Failed(format!(
            "{dir} can't be written by this user ({error}); run this as the server's user, or correct its owner."
        ));
    }
    let free = match rustix::fs::statvfs(&config.data_dir) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Finding::Warning(format!("{dir}: the free space is not known ({error}).")),
    };
    let mebibytes = free >> 20;
    match free {
        free if free < NO_SPACE => {
            Finding::Failed(format!("{dir} has {mebibytes} MiB left; make room, or move data_dir."))
        }
        free if free < LITTLE_SPACE => Finding::Warning(format!("{dir} has only {mebibytes} MiB left.")),
        _ => Finding::Ok(format!("{dir}, {} GiB free.", free >> 30)),
    }
}

fn keys(config: &Config) -> Finding {
    match keys::load(&config.keys_file) {
        Ok(keys) => {
            Finding::Ok(format!("{}, {} in it.", config.keys_file.display(), count(keys.len(), "key")))
        }
        Err(error) => failed(&error.into()),
    }
}

/// Schema first: a database that an older version wrote is not opened, because that would migrate it.
async fn database(config: &Config, findings: &mut Findings) {
    if let Database::Sqlite { path } = &config.database
        && !path.exists()
    {
        let (path, setting) = (path.display(), wiring::setting(config));
        let text = format!(
            "There is no database {path}. A new server creates it with `owner create`; otherwise restore it, or correct \
             {setting}."
        );
        return findings.add("database", Finding::Failed(text));
    }
    let place = wiring::place(config);
    let finding = match wiring::schema(config).await {
        Err(failure) => failed(&failure),
        Ok(schema) if schema.found > schema.known => Finding::Failed(format!(
            "{place} has schema {}, from a newer version; this one knows {}. Run the newer version.",
            schema.found, schema.known
        )),
        Ok(schema) if schema.found < schema.known => Finding::Warning(format!(
            "{place} has schema {}; the next start migrates it to {}. Back it up first.",
            schema.found, schema.known
        )),
        Ok(schema) => {
            let text = format!("{place}, schema {}, fits the keys, takes writes.", schema.found);
            let (database, clock) = ready(config, text).await;
            findings.add("database", database);
            return clock.into_iter().for_each(|clock| findings.add("clock", clock));
        }
    };
    findings.add("database", finding);
}

/// Whether the keys fit, the database takes a write, and the clocks agree.
async fn ready(config: &Config, ok: String) -> (Finding, Option<Finding>) {
    let services = match wiring::services(config, Arc::new(SystemClock), Start::Beside).await {
        Ok(services) => services,
        Err(failure) => return (failed(&failure), None),
    };
    let report = readiness::check(&services).await;
    let database = match report.database {
        true => Finding::Ok(ok),
        false => Finding::Failed(format!(
            "{} does not take writes; check its disk and its permissions, see {}.",
            wiring::place(config),
            wiring::setting(config)
        )),
    };
    let clock = match report.clock {
        true => Finding::Ok("Within 5 seconds of the database's.".to_owned()),
        false => Finding::Failed(
            "It is more than 5 seconds off the database's, or was never set; synchronize it (NTP). With a wrong clock no \
             app's code is right."
                .to_owned(),
        ),
    };
    (database, Some(clock))
}

/// Whether people's browsers can find it, as far as this machine can say.
async fn public_url(config: &Config) -> Finding {
    let url = &config.public_url;
    if config.mode == Mode::Dev {
        return Finding::Ok(format!("{url} (development)."));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Finding::Failed(format!("{url} has no host; correct public_url."));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(DEADLINE, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(_)) => Finding::Ok(format!("{url}, its name resolves.")),
        Ok(Err(_)) | Err(_) => Finding::Warning(format!(
            "{host} does not resolve on this machine; if it doesn't for your users either, correct public_url or the DNS."
        )),
    }
}

fn trusted_proxies(config: &Config) -> Finding {
    match config.trusted_proxies.len() {
        0 if config.mode == Mode::Production && config.public_url.scheme() == "https" => Finding::Warning(
            "None. If a reverse proxy forwards to this server, add it: otherwise limits and activity see the proxy's \
             address for everyone."
                .to_owned(),
        ),
        0 => Finding::Ok("None.".to_owned()),
        networks => Finding::Ok(format!("{}.", count(networks, "network"))),
    }
}

/// Email and text messages.
async fn messages(config: &Config, send_test: Option<&str>, findings: &mut Findings) {
    if config.mode == Mode::Dev {
        findings.add("mail", Finding::Ok("Kept in the outbox of `serve --dev`; nothing is sent.".to_owned()));
        return;
    }
    let transports = match wiring::transports(config, &Arc::new(DevOutbox::default())) {
        Ok(transports) => transports,
        Err(failure) => return findings.add("mail", failed(&failure)),
    };
    let server = config.smtp.as_ref().map(|smtp| format!("{}:{}", smtp.host, smtp.port)).unwrap_or_default();
    findings.add("mail", mail(&transports, &server).await);
    if let Some(address) = send_test {
        findings.add("test email", test_email(config, &transports, address).await);
    }
    let sms = match &config.sms.gateway {
        None => Finding::Ok("Not configured; codes by text message aren't offered.".to_owned()),
        Some(_) => match timeout(DEADLINE, transports.check(Channel::Sms)).await {
            Ok(Ok(())) => Finding::Ok("The gateway answers. No message was sent.".to_owned()),
            Ok(Err(error)) => Finding::Failed(format!("{error}; check sms.url.")),
            Err(_) => Finding::Failed("The gateway does not answer; check sms.url.".to_owned()),
        },
    };
    findings.add("sms", sms);
}

async fn mail(transports: &Transports, server: &str) -> Finding {
    match timeout(DEADLINE, transports.check(Channel::Email)).await {
        Ok(Ok(())) => Finding::Ok(format!(
            "{server} answers and takes the sign-in. To send a real email, add --send-test ADDRESS."
        )),
        Ok(Err(error)) => Finding::Failed(format!(
            "{server}: {error}; check smtp.host, smtp.port, smtp.security, smtp.username and smtp.password."
        )),
        Err(_) => {
            Finding::Failed(format!("{server} does not answer; check smtp.host, smtp.port and the firewall."))
        }
    }
}

async fn test_email(config: &Config, transports: &Transports, address: &str) -> Finding {
    let Ok(to) = address.parse::<EmailAddress>() else {
        return Finding::Failed("--send-test is not an email address.".to_owned());
    };
    let now = SystemClock.now();
    let name = &config.service_name;
    let message = Outgoing {
        id: MessageId::generate(now, &OsEntropy),
        channel: Channel::Email,
        to: to.to_string(),
        name: String::new(),
        rendered: Rendered {
            subject: format!("Test email from {name}"),
            text: format!(
                "This is a test email from {name}. It arrived, so codes and links by email will too.\n"
            ),
        },
        now,
    };
    match timeout(3 * DEADLINE, transports.send(&message)).await {
        Ok(Ok(())) => Finding::Ok(format!("Handed over for {to}. Check that it arrives, and not as spam.")),
        Ok(Err(error)) => {
            Finding::Failed(format!("{error}; check smtp.from, and that the server relays for it."))
        }
        Err(_) => Finding::Failed("The mail server did not take it in time.".to_owned()),
    }
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
