//! The backup codes.

use askama::Template;

use super::Shell;

/// `GET /profile/backup-codes`.
#[derive(Template)]
#[template(path = "backup_codes.html")]
pub struct BackupCodesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The codes, or only their number.
    pub state: BackupCodes,
    /// Where Continue leads: `/profile`, or on to where the sign-in was going.
    pub continue_to: String,
}

/// Ten new codes, on the one page that shows them.
#[derive(Clone)]
pub struct FreshCodes {
    /// What they are for and whose they are, as in `"Countersign, mia@example.com"`.
    pub owner: String,
    /// The codes, grouped for reading.
    pub codes: Vec<String>,
    /// A `data:text/plain` address of the file, so that the download works without script.
    pub download_href: String,
    /// The same text, for the copy button.
    pub plain_text: String,
}

/// What [`BackupCodesPage`] can show.
pub enum BackupCodes {
    /// Just made: shown this once.
    Fresh(FreshCodes),
    /// Later: only how many are left.
    Left {
        /// `None` where there was never a set.
        count: Option<u32>,
        /// Three or fewer: the page leads to new ones.
        low: bool,
        /// The person comes straight from a sign-in with one of them.
        just_used: bool,
    },
}
