//! One-time passwords (RFC 4226, RFC 6238), otpauth URIs and backup codes.
