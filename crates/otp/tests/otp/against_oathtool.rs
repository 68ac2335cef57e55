//! Codes against `oathtool` of the OATH Toolkit, an implementation in C of its own.
//!
//! The command is a requirement of the tests (Debian package `oathtool`); without it they fail.

use std::process::Command;

use crate::draw::{algorithm, digits, secret};
use countersign_otp::{Algorithm, Digits, Period, Secret, TimeStep, Totp, hotp};
use proptest::prelude::*;

/// How many codes in a row each run of the command is asked for.
const IN_A_ROW: u64 = 10;

fn oathtool(secret: &Secret, digits: Digits, arguments: &[String]) -> Vec<String> {
    let output = Command::new("oathtool")
        .args(["--base32", "--digits", &digits.get().to_string(), "--window", &(IN_A_ROW - 1).to_string()])
        .args(arguments)
        .arg(secret.to_base32())
        .output()
        .unwrap_or_else(|error| panic!("oathtool cannot be run (Debian package \"oathtool\"): {error}"));
    assert!(output.status.success(), "oathtool {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn totp_agrees_with_oathtool(
        secret in secret(),
        algorithm in algorithm(),
        digits in digits(),
        period in prop_oneof![Just(30u32), 1u32..=300],
        now in prop_oneof![0u64..4_000_000_000, Just(59), Just(20_000_000_000)],
    ) {
        let period = Period::new(period).unwrap();
        let theirs = oathtool(&secret, digits, &[
            format!("--totp={algorithm}"),
            format!("--time-step-size={}s", period.seconds()),
            format!("--now=@{now}"),
        ]);
        let totp = Totp::new(secret, algorithm, digits, period);
        let first = TimeStep::at(now, period).get();
        let ours: Vec<_> =
            (first..first + IN_A_ROW).map(|step| totp.code_at(TimeStep::new(step)).to_string()).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn hotp_agrees_with_oathtool(secret in secret(), digits in digits(), first in 0..u64::MAX / 2) {
        let theirs = oathtool(&secret, digits, &["--hotp".to_owned(), format!("--counter={first}")]);
        let ours: Vec<_> = (first..first + IN_A_ROW)
            .map(|counter| hotp(&secret, counter, Algorithm::Sha1, digits).to_string())
            .collect();
        prop_assert_eq!(ours, theirs);
    }
}
