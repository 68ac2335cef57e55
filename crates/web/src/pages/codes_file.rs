//! Backup codes on a page, in a file and on paper, each saying whose they are and where they work.

use crate::{times, views::FreshCodes};
use countersign_core::Timestamp;
use countersign_flows::backup_codes::{Reveal, SetStatus};

/// What the file and the printout say besides the codes.
pub(super) struct About {
    /// The service or application that the codes are for.
    pub(super) service: String,
    /// Its address.
    pub(super) site: String,
    /// Whose they are.
    pub(super) account: String,
}

impl About {
    /// The codes as a page shows them, for as long as it can.
    pub(super) fn fresh(self, status: &SetStatus, reveal: Reveal) -> FreshCodes {
        FreshCodes {
            plain_text: self.text(status.created_at, &reveal.codes),
            file_name: file_name(&self.service, status.created_at),
            set: status.set.to_string(),
            created: times::day(status.created_at),
            shown_until: times::time_of_day(reveal.expires_at),
            codes: reveal.codes,
            service: self.service,
            site: self.site,
            account: self.account,
        }
    }

    /// The file: a head, then one code on each line.
    pub(super) fn text(&self, created_at: Timestamp, codes: &[String]) -> String {
        let Self { service, site, account } = self;
        let (created, codes) = (times::day(created_at), codes.join("\n"));
        let created = created.text();
        format!(
            "{service} backup codes\n\nAccount: {account}\nSite:    {site}\nCreated: {created}\n\n\
             If you lose your phone, enter one of these codes to sign in.\n\
             Each code works once. Creating new codes cancels these.\n\n{codes}\n"
        )
    }
}

/// `"harbour-crm-backup-codes-2026-11-24.txt"`. Only letters, digits and dashes come from the name, because it also stands in a header.
pub(super) fn file_name(service: &str, created_at: Timestamp) -> String {
    let words = service.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if name.is_empty() {
        name.push_str("countersign");
    }
    format!("{name}-backup-codes-{}.txt", times::date(created_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_after_the_service_and_the_day() {
        let at = Timestamp::from_millis(1_795_499_640_000);
        assert_eq!(file_name("Countersign", at), "countersign-backup-codes-2026-11-24.txt");
        assert_eq!(file_name("Harbour & \"Pine\"\r\n", at), "harbour-pine-backup-codes-2026-11-24.txt");
        assert_eq!(file_name("…", at), "countersign-backup-codes-2026-11-24.txt");
    }
}
