//! The backup codes.

use askama::Template;

use super::{ReplaceRow, Shell, Time};

/// `GET /profile/backup-codes`.
#[derive(Template)]
#[template(path = "backup_codes.html")]
pub struct BackupCodesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The codes, or only their number.
    pub state: BackupCodes,
    /// The person comes straight from a sign-in.
    pub after_sign_in: bool,
    /// After a sign-in with a backup code: the apps, one of which may be lost.
    pub replace: Vec<ReplaceRow>,
    /// Where Continue leads: `/profile`, or on to where the sign-in was going.
    pub continue_to: String,
}

/// `GET /profile/backup-codes/reset`: asks before the codes that are left stop working.
#[derive(Template)]
#[template(path = "new_backup_codes.html")]
pub struct NewBackupCodesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// How many codes will stop working.
    pub left: u32,
}

/// Ten new codes, on the page that shows them, in the file and on paper.
#[derive(Clone)]
pub struct FreshCodes {
    /// The service or application that they are for.
    pub service: String,
    /// Its address.
    pub site: String,
    /// Whose they are: an email address, or a name.
    pub account: String,
    /// The day on which they were created.
    pub created: Time,
    /// Until when the page can show them, for example `"14:35 UTC"`.
    pub shown_until: Time,
    /// The codes, grouped for reading.
    pub codes: Vec<String>,
    /// The set's id, which is no secret.
    pub set: String,
    /// The file's name.
    pub file_name: String,
    /// The file, for the copy button as well.
    pub plain_text: String,
}

impl FreshCodes {
    /// The file as an address, for a page that has no route to download it from.
    #[must_use]
    pub fn data_href(&self) -> String {
        let encoded =
            percent_encoding::utf8_percent_encode(&self.plain_text, percent_encoding::NON_ALPHANUMERIC);
        format!("data:text/plain;charset=utf-8,{encoded}")
    }
}

/// What [`BackupCodesPage`] can show.
pub enum BackupCodes {
    /// Just created: shown for five minutes.
    Fresh(Box<FreshCodes>),
    /// Later: only how many are left.
    Left {
        /// `None` where there was never a set.
        count: Option<u32>,
        /// Three or fewer: the page leads to new ones.
        low: bool,
        /// The set's id, where nothing shows that its codes were saved.
        unsaved: Option<String>,
        /// The person comes straight from a sign-in with one of them.
        just_used: bool,
    },
}
