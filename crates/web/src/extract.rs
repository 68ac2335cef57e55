//! What handlers ask for. A handler that takes one of these cannot be reached without it:
//!
//! ```text
//!   Browser          anybody: the handle (if any), the address, the known browser
//!   Visitor          anybody, with a handle: for pages with a form
//!   Waiting          a sign-in that waits for its second step
//!   Own              the account holder's own session          (impersonated: 403, nobody: 303 to /sign-in)
//!   Administrator    the same, of an administrator or owner    (member: 403)
//!   Change           the same, freshly proven, with a form that changes an application
//!   Hosted           whoever has the address of a second step that an application asks for (unknown: 404)
//!   Sent             the parameters of a protocol request, from a program or another site: no csrf_token
//!   Local            a program or a person on this machine (any other: 404)
//!   Form             the posted fields, under a csrf_token that fits the handle; always the last one
//! ```

mod browser;
mod change;
mod fields;
mod form;
mod hosted;
mod id;
mod local;
mod session;

pub(crate) use browser::{Browser, Visitor, address};
pub(crate) use change::Change;
pub(crate) use form::{Defect, Form, Query, Sent, encode_fields, parameters, read_body};
pub(crate) use hosted::{Hosted, HostedPages};
pub(crate) use id::{Id, Ids};
pub(crate) use local::Local;
pub(crate) use session::{Administrator, Own, Waiting, without_session};
