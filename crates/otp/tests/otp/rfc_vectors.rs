//! The test vectors of the standards, whole.

use countersign_otp::{Algorithm, Code, Digits, Period, Secret, TimeStep, Totp, Window, hotp};

/// A key of the RFCs: the digits 1 to 9 and 0, over and over.
fn key(length: usize) -> Secret {
    let bytes: Vec<u8> = b"1234567890".iter().copied().cycle().take(length).collect();
    Secret::from_bytes(&bytes).unwrap()
}

#[test]
fn rfc_4226_appendix_d() {
    let codes =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, expected) in (0..).zip(codes) {
        assert_eq!(hotp(&key(20), counter, Algorithm::Sha1, Digits::SIX).to_string(), expected, "{counter}");
    }
}

#[test]
fn rfc_4226_appendix_d_intermediate_values_give_the_longer_codes() {
    // The table's column of truncated decimal values, whose last digits are the codes of every length.
    let truncated: [u32; 10] = [
        1_284_755_224,
        1_094_287_082,
        137_359_152,
        1_726_969_429,
        1_640_338_314,
        868_254_676,
        1_918_287_922,
        82_162_583,
        673_399_871,
        645_520_489,
    ];
    for (counter, truncated) in (0..).zip(truncated) {
        for (digits, modulus) in
            [(Digits::SIX, 1_000_000), (Digits::SEVEN, 10_000_000), (Digits::EIGHT, 100_000_000)]
        {
            let expected = format!("{:0width$}", truncated % modulus, width = usize::from(digits.get()));
            assert_eq!(hotp(&key(20), counter, Algorithm::Sha1, digits).to_string(), expected, "{counter}");
        }
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let rows = [
        (59, 0x1, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, 0x0235_23EC, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, 0x0235_23ED, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, 0x0273_EF07, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, 0x03F9_40AA, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, 0x27BC_86AA, ["65353130", "77737706", "47863826"]),
    ];
    // The appendix's prose names one key; the reference code of appendix A extends it to each hash's length.
    let keys = [(Algorithm::Sha1, 20), (Algorithm::Sha256, 32), (Algorithm::Sha512, 64)];
    for (seconds, step, codes) in rows {
        for ((algorithm, length), expected) in keys.into_iter().zip(codes) {
            let totp = Totp::new(key(length), algorithm, Digits::EIGHT, Period::THIRTY);
            assert_eq!(TimeStep::at(seconds, Period::THIRTY), TimeStep::new(step));
            assert_eq!(totp.code_at(TimeStep::new(step)).to_string(), expected, "{algorithm} {seconds}");
            let typed = Code::parse(expected, Digits::EIGHT).unwrap();
            let matched = totp.verify(&typed, seconds, Window { past: 0, future: 0 });
            assert_eq!(matched, Some(TimeStep::new(step)), "{algorithm} {seconds}");
        }
    }
}
