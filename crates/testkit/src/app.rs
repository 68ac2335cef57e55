//! An authenticator app on a phone.

use std::process::Command;

use url::Url;

use crate::clock::Clock;
use crate::process::output_of;

/// An authenticator app that holds one account. Its codes come from `oathtool`, an implementation that is not
/// ours, and its phone shows the time of the server under test.
#[derive(Debug, Clone)]
pub struct App {
    /// The shared secret in base32, as the page shows it, without its spaces.
    pub secret: String,
    /// The backup codes that were shown when this app was set up; none, if it was not the first.
    pub backup_codes: Vec<String>,
    algorithm: String,
    digits: u32,
    period: u64,
    clock: Clock,
    last_step: Option<u64>,
}

impl App {
    /// An app into which the key was typed by hand: SHA-1, six digits, thirty seconds, as every app assumes.
    #[must_use]
    pub fn from_secret(secret: &str, clock: &Clock) -> Self {
        Self {
            secret: secret.split_whitespace().collect(),
            backup_codes: Vec::new(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            clock: clock.clone(),
            last_step: None,
        }
    }

    /// An app that has scanned this `otpauth://totp/…` address.
    ///
    /// # Panics
    /// When the address has no secret, or cannot be read.
    #[must_use]
    pub fn from_uri(uri: &str, clock: &Clock) -> Self {
        let url = Url::parse(uri).unwrap_or_else(|error| panic!("{uri:?} is not an address: {error}"));
        assert!(url.scheme() == "otpauth" && url.host_str() == Some("totp"), "{uri:?} is not a TOTP address");
        let parameter =
            |name: &str| url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()));
        let secret = parameter("secret").unwrap_or_else(|| panic!("{uri:?} has no secret"));
        let mut app = Self::from_secret(&secret, clock);
        if let Some(algorithm) = parameter("algorithm") {
            app.algorithm = algorithm;
        }
        if let Some(digits) = parameter("digits") {
            app.digits = digits.parse().unwrap_or_else(|_| panic!("digits of {uri:?} is not a number"));
        }
        if let Some(period) = parameter("period") {
            app.period = period.parse().unwrap_or_else(|_| panic!("period of {uri:?} is not a number"));
        }
        app
    }

    /// The code of a moment, in seconds since the Unix epoch.
    ///
    /// # Panics
    /// When `oathtool` is missing or refuses the secret.
    #[must_use]
    pub fn code_at(&self, unix: u64) -> String {
        let mut oathtool = Command::new("oathtool");
        oathtool.arg(format!("--totp={}", self.algorithm.to_ascii_lowercase()));
        oathtool.arg(format!("--digits={}", self.digits));
        oathtool.arg(format!("--time-step-size={}s", self.period));
        oathtool.arg(format!("--now=@{unix}"));
        oathtool.args(["--base32", &self.secret]);
        output_of(&mut oathtool).trim().to_owned()
    }

    /// The code that the phone shows now, which may be one that was typed before.
    pub fn code(&mut self) -> String {
        let now = self.clock.now();
        self.last_step = Some(now / self.period);
        self.code_at(now)
    }

    /// A code that this app has not shown before. Where the time step is still that of the last one, the
    /// server's clock is moved on by one step instead of waiting for it.
    pub fn fresh_code(&mut self) -> String {
        while self.last_step.is_some_and(|last| self.clock.now() / self.period <= last) {
            self.clock.advance(std::time::Duration::from_secs(self.period));
        }
        self.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::new(folder.path().join("clock"));
        // Appendix B; its secret for SHA-1 in base32.
        let uri =
            "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8&algorithm=SHA1&period=30";
        let mut app = App::from_uri(uri, &clock);
        assert_eq!(app.code_at(59), "94287082");
        assert_eq!(app.code_at(1_111_111_109), "07081804");
        let (first, second) = (app.fresh_code(), app.fresh_code());
        assert_ne!(first, second);
        assert_eq!(second, app.code_at(clock.now()));
    }
}
