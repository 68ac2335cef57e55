//! Every page in every state, with invented people, for looking at (`examples/gallery.rs`) and for tests.

mod account;
mod api;
mod applications;
mod hosted;
mod organization;
mod signing_in;

use askama::Template;

use super::{LoginAsBanner, Notice, NoticeKind, Shell, SignedIn, SupportContacts};

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
    account::add_applications(&mut pages)?;
    organization::add(&mut pages)?;
    applications::add(&mut pages)?;
    hosted::add(&mut pages)?;
    api::add(&mut pages)?;
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
        form_page: None,
        service_name: "Countersign".into(),
        support: SupportContacts {
            url: Some("https://help.brightwater.example/".into()),
            email: Some("help@brightwater.example".into()),
        },
        email_delayed: false,
        sms_delayed: false,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The start tags of a page, as their names and the names of their attributes: `script type= src=`.
    fn tags(html: &str) -> impl Iterator<Item = String> + '_ {
        let tags = html.split('<').skip(1).filter_map(|rest| rest.split('>').next());
        tags.map(|tag| tag.split('"').step_by(2).collect())
    }

    #[test]
    fn no_page_needs_more_than_the_strict_content_security_policy() {
        for (name, html) in all().unwrap() {
            for tag in tags(&html) {
                assert!(!tag.contains(" style="), "{name}: {tag}");
                assert!(!tag.contains(" on"), "{name}: {tag}");
                assert!(!tag.starts_with("style"), "{name}: {tag}");
                assert!(!tag.starts_with("script") || tag.contains(" src="), "{name}: {tag}");
            }
        }
    }

    #[test]
    fn every_form_is_a_post_that_carries_the_token_and_says_no_name_twice() {
        for (name, html) in all().unwrap() {
            for form in html.split("<form ").skip(1) {
                let form = form.split("</form>").next().unwrap();
                assert!(form.split('>').next().unwrap().contains("method=\"post\""), "{name}: {form}");
                assert!(form.contains("name=\"csrf_token\" value=\"sample-token\""), "{name}: {form}");
                // Of radio buttons with one name, a browser sends one.
                let fields = form.split('<').filter(|tag| !tag.contains("type=\"radio\""));
                let mut names: Vec<&str> = fields
                    .filter_map(|tag| tag.split(" name=\"").nth(1).and_then(|rest| rest.split('"').next()))
                    .collect();
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count, "{name}: {form}");
            }
        }
    }

    #[test]
    fn every_page_has_one_first_heading_one_main_part_and_no_id_twice() {
        for (name, html) in all().unwrap() {
            assert_eq!(html.matches("<h1").count(), 1, "{name}");
            assert_eq!(html.matches("<main ").count(), 1, "{name}");
            let mut ids: Vec<&str> =
                html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "{name}");
        }
    }
}
