//! A running server, a mailbox, a person and a browser, for tests.
