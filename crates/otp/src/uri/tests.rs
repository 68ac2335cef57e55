use super::*;
use crate::{SecretError, base32::Base32Error};

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn totp() -> Totp {
    Totp::standard(Secret::from_base32(KEY).unwrap())
}

fn read(text: &str) -> Result<OtpauthUri, UriError> {
    text.parse()
}

#[test]
fn standard_parameters_are_left_out_and_others_written() {
    let plain = OtpauthUri::new("Example", "maya@example.org", totp()).unwrap();
    assert_eq!(
        plain.to_string(),
        format!("otpauth://totp/Example:maya%40example.org?secret={KEY}&issuer=Example")
    );
    let period = Period::new(60).unwrap();
    let special = Totp::new(totp().secret().clone(), Algorithm::Sha256, Digits::EIGHT, period);
    let special = OtpauthUri::new("Example", "maya@example.org", special).unwrap();
    assert_eq!(
        special.to_string(),
        format!(
            "otpauth://totp/Example:maya%40example.org?secret={KEY}&issuer=Example&algorithm=SHA256&digits=8&period=60"
        )
    );
}

#[test]
fn no_character_of_a_name_can_change_the_meaning_of_the_uri() {
    let uri = OtpauthUri::new("Müller & Söhne + Co", "a+b?c#d/e%20&secret=x", totp()).unwrap();
    assert_eq!(
        uri.to_string(),
        format!(
            "otpauth://totp/M%C3%BCller%20%26%20S%C3%B6hne%20%2B%20Co:a%2Bb%3Fc%23d%2Fe%2520%26secret%3Dx\
             ?secret={KEY}&issuer=M%C3%BCller%20%26%20S%C3%B6hne%20%2B%20Co"
        )
    );
    assert_eq!(read(&uri.to_string()), Ok(uri));
}

#[test]
fn names_that_readers_would_misread_are_refused() {
    use LabelPart::{Account, Issuer};
    for (issuer, account, error) in [
        ("", "maya", UriError::Empty(Issuer)),
        (" \u{a0}", "maya", UriError::Empty(Issuer)),
        ("Example", "\t", UriError::Empty(Account)),
        ("Example: Ltd", "maya", UriError::Colon(Issuer)),
        ("Example", "work:maya", UriError::Colon(Account)),
        ("Exa\nmple", "maya", UriError::Control(Issuer)),
        ("Example", "ma\0ya", UriError::Control(Account)),
    ] {
        assert_eq!(OtpauthUri::new(issuer, account, totp()), Err(error), "{issuer:?} {account:?}");
    }
    let trimmed = OtpauthUri::new(" Example ", "\u{a0}maya\n", totp()).unwrap();
    assert_eq!((trimmed.issuer(), trimmed.account()), (Some("Example"), "maya"));
}

#[test]
fn what_other_issuers_write_is_read() {
    let expected = OtpauthUri::new("Big Corporation", "maya@example.org", totp()).unwrap();
    let lower = KEY.to_lowercase();
    for text in [
        format!("otpauth://totp/Big%20Corporation:maya@example.org?secret={KEY}&issuer=Big%20Corporation"),
        format!("otpauth://totp/Big%20Corporation%3A%20maya%40example.org?secret={KEY}"),
        format!("otpauth://totp/Big%20Corporation%3amaya@example.org?secret={KEY}&issuer="),
        format!("otpauth://totp/maya@example.org?issuer=Big+Corporation&secret={lower}"),
        format!("otpauth://totp/Other:maya@example.org?secret={KEY}&issuer=Big%20Corporation"),
        format!("OTPAUTH://TOTP/maya@example.org?Secret={KEY}%3D%3D&Issuer=Big%20Corporation"),
        format!(
            " otpauth://totp/:maya@example.org?&image=https%3A%2F%2Fx&period=30&digits=6&algorithm=sha1\
             &issuer=Big%20Corporation&secret={KEY}&lock#fragment\n"
        ),
    ] {
        assert_eq!(read(&text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn a_uri_without_an_issuer_has_none_and_is_written_so() {
    let text = format!("otpauth://totp/maya?secret={KEY}");
    let uri = read(&text).unwrap();
    assert_eq!((uri.issuer(), uri.account()), (None, "maya"));
    assert_eq!(uri.to_string(), text);
    assert_eq!(uri.into_totp(), totp());
}

#[test]
fn a_plus_sign_in_the_label_stays_one() {
    let uri = read(&format!("otpauth://totp/Example:maya+work@example.org?secret={KEY}")).unwrap();
    assert_eq!(uri.account(), "maya+work@example.org");
}

#[test]
fn parameters_are_read() {
    let uri = read(&format!("otpauth://totp/a?secret={KEY}&algorithm=SHA512&digits=7&period=90")).unwrap();
    let totp = uri.totp();
    assert_eq!(
        (totp.algorithm(), totp.digits(), totp.period().seconds()),
        (Algorithm::Sha512, Digits::SEVEN, 90)
    );
}

#[test]
fn what_is_no_such_uri_is_refused_with_its_reason() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("otpauth:", UriError::Scheme),
        ("https://totp/a?secret=KEY", UriError::Scheme),
        ("ötpauth://totp/a?secret=KEY", UriError::Scheme),
        ("otpauth://hotp/a?secret=KEY&counter=0", UriError::Type),
        ("otpauth://totp?secret=KEY", UriError::Type),
        ("otpauth://totp/?secret=KEY", UriError::Empty(LabelPart::Account)),
        ("otpauth://totp/Example:?secret=KEY", UriError::Empty(LabelPart::Account)),
        ("otpauth://totp/Example:a:b?secret=KEY", UriError::Colon(LabelPart::Account)),
        ("otpauth://totp/a?secret=KEY&issuer=b%3Ac", UriError::Colon(LabelPart::Issuer)),
        ("otpauth://totp/a%0Ab?secret=KEY", UriError::Control(LabelPart::Account)),
        ("otpauth://totp/%FF?secret=KEY", UriError::Encoding),
        ("otpauth://totp/a?secret=KEY&issuer=%C3", UriError::Encoding),
        ("otpauth://totp/a", UriError::MissingSecret),
        ("otpauth://totp/a?issuer=b", UriError::MissingSecret),
        ("otpauth://totp/a?secret=", UriError::MissingSecret),
        ("otpauth://totp/a?secret=KEY&secret=KEY", UriError::Repeated("secret")),
        ("otpauth://totp/a?secret=KEY&digits=6&DIGITS=8", UriError::Repeated("digits")),
        ("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP", SecretError::TooShort.into()),
        ("otpauth://totp/a?secret=1KEY", SecretError::Base32(Base32Error::Character).into()),
        ("otpauth://totp/a?secret=KEY&algorithm=MD5", ParameterError::Algorithm.into()),
        ("otpauth://totp/a?secret=KEY&algorithm=", ParameterError::Algorithm.into()),
        ("otpauth://totp/a?secret=KEY&digits=5", ParameterError::Digits.into()),
        ("otpauth://totp/a?secret=KEY&digits=six", ParameterError::Digits.into()),
        ("otpauth://totp/a?secret=KEY&period=0", ParameterError::Period.into()),
        ("otpauth://totp/a?secret=KEY&period=-30", ParameterError::Period.into()),
        ("otpauth://totp/a?secret=KEY&period=4294967296", ParameterError::Period.into()),
    ] {
        let text = text.replace("KEY", KEY);
        assert_eq!(read(&text), Err(error), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let uri = OtpauthUri::new("Example", "maya", totp()).unwrap();
    assert!(!format!("{uri:?}").contains(KEY));
    assert!(format!("{uri:?}").contains("redacted"));
}
