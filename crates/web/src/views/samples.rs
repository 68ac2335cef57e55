//! Every page in every state, with invented people, for looking at (`examples/gallery.rs`) and for tests.

mod account;
mod organization;
mod signing_in;

use askama::Template;

use super::{LoginAsBanner, Notice, NoticeKind, Shell, SignedIn};

/// The name of a state, usable as a file name, and the page.
pub type Sample = (&'static str, String);

/// Renders every page in every state.
///
/// # Errors
///
/// Whatever a template reports; none of them does with these contexts.
pub fn all() -> askama::Result<Vec<Sample>> {
    let mut pages = Vec::new();
    signing_in::add(&mut pages)?;
    account::add(&mut pages)?;
    account::add_history(&mut pages)?;
    organization::add(&mut pages)?;
    Ok(pages)
}

fn push(pages: &mut Vec<Sample>, name: &'static str, page: &impl Template) -> askama::Result<()> {
    pages.push((name, page.render()?));
    Ok(())
}

/// Nobody is signed in.
fn stranger() -> Shell {
    Shell {
        csrf_token: "sample-token".into(),
        signed_in: None,
        banner: None,
        notice: None,
        service_name: "Countersign".into(),
        assets_version: "1".into(),
    }
}

/// A member in her own session.
fn member() -> Shell {
    let signed_in = SignedIn {
        name: "Mia Member".into(),
        email: "mia@brightwater.example".into(),
        organization: "Brightwater Agency".into(),
        can_see_members: false,
    };
    Shell { signed_in: Some(signed_in), ..stranger() }
}

/// An administrator in her own session.
fn admin() -> Shell {
    let signed_in = SignedIn {
        name: "Ada Admin".into(),
        email: "ada@brightwater.example".into(),
        organization: "Brightwater Agency".into(),
        can_see_members: true,
    };
    Shell { signed_in: Some(signed_in), ..stranger() }
}

/// The administrator in the member's account.
fn impersonated() -> Shell {
    let banner = LoginAsBanner {
        actor: "Ada Admin".into(),
        subject: "Mia Member".into(),
        ends_at: "15:20 UTC".into(),
    };
    Shell { banner: Some(banner), ..member() }
}

fn with_notice(shell: Shell, kind: NoticeKind, text: &str) -> Shell {
    Shell { notice: Some(Notice { kind, text: text.into() }), ..shell }
}

fn some(text: &str) -> Option<String> {
    Some(text.into())
}
