//! Every page in every state, with invented people, for looking at (`examples/gallery.rs`) and for tests.

mod account;
mod api;
mod applications;
mod hosted;
mod organization;
mod signing_in;

use askama::Template;

use crate::times;
use countersign_core::Timestamp;
use std::time::Duration;

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
        ends_at: times::time_of_day(at(-52)),
        seconds_left: 3_100,
        left: "52 minutes left".into(),
    };
    Shell { banner: Some(banner), ..member() }
}

fn with_notice(shell: Shell, kind: NoticeKind, text: &str) -> Shell {
    Shell { notice: Some(Notice { kind, text: text.into() }), ..shell }
}

/// So many minutes before 12 March 2026, 09:14 UTC.
fn at(minutes_before: i32) -> Timestamp {
    let now = Timestamp::from_millis(1_773_306_840_000);
    let minutes = Duration::from_secs(60) * minutes_before.unsigned_abs();
    if minutes_before < 0 { now.plus(minutes) } else { now.minus(minutes) }
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

    /// Without what a closed `<details>` hides.
    fn shown(html: &str) -> String {
        let main = html.split("<main ").nth(1).unwrap();
        let mut parts = main.split("<details");
        let mut shown = parts.next().unwrap().to_owned();
        for part in parts {
            let (tag, rest) = part.split_once('>').unwrap();
            let (inside, after) = rest.split_once("</details>").unwrap();
            shown.push_str(if tag.ends_with(" open") { inside } else { "" });
            shown.push_str(after);
        }
        shown
    }

    #[test]
    fn the_focus_is_on_the_error_or_on_the_first_action() {
        let mut focused = 0;
        for (name, html) in all().unwrap() {
            let main = shown(&html);
            let targets: Vec<&str> = main.split('<').filter(|tag| tag.contains(" autofocus")).collect();
            assert_eq!(html.matches(" autofocus").count(), targets.len(), "{name}: a focus that is hidden");
            assert!(targets.len() <= 1, "{name}: {targets:?}");
            let alert = main.contains("role=\"alert\"");
            let refused = main.contains("aria-invalid=\"true\"");
            let field = main.split('<').any(|tag| {
                let typed = ["text", "email", "password", "tel"]
                    .iter()
                    .any(|k| tag.contains(&format!("type=\"{k}\"")));
                tag.starts_with("input ") && typed && !tag.contains("visually-hidden")
            });
            let narrow = main.starts_with("id=\"main\" tabindex=\"-1\" class=\"narrow\"");
            if alert || refused || (narrow && field) {
                assert_eq!(targets.len(), 1, "{name}");
                assert!(!alert || targets[0].contains("role=\"alert\""), "{name}: the alert is skipped");
                assert!(alert || !refused || targets[0].contains("aria-invalid"), "{name}: {targets:?}");
            }
            focused += targets.len();
        }
        assert!(focused > 20, "{focused}");
    }

    #[test]
    fn every_time_is_one_that_script_can_show_in_the_readers_time_zone() {
        let mut times = 0;
        for (name, html) in all().unwrap() {
            if name.starts_with("dev-outbox") {
                continue;
            }
            times += html.matches("<time datetime=\"2026-03-").count();
            // The text of every element but `time`.
            let outside = html.split('<').filter(|tag| !tag.starts_with("time "));
            for text in outside.filter_map(|tag| tag.split('>').nth(1)) {
                assert!(!text.contains("UTC"), "{name}: {text}");
            }
        }
        assert!(times > 20, "{times}");
    }

    #[test]
    fn the_navigation_is_there_once_and_only_for_someone_who_is_signed_in() {
        for (name, html) in all().unwrap() {
            let header = html.split("<header ").nth(1).unwrap().split("</header>").next().unwrap();
            let signed_in = header.contains("action=\"/sign-out\"");
            for part in ["<nav ", "<summary>", "href=\"/profile\""] {
                assert_eq!(header.matches(part).count(), usize::from(signed_in), "{name}: {part}");
            }
        }
    }

    #[test]
    fn a_code_is_submitted_when_it_is_complete_where_nothing_else_is_asked_after_it() {
        let pages = all().unwrap();
        let of = |name: &str| &pages.iter().find(|(other, _)| *other == name).unwrap().1;
        let submits = |name: &str| of(name).contains("data-auto-submit=");
        for name in ["phone-confirm", "email-confirm", "verify-app", "confirm-identity-app", "hosted-app"] {
            assert!(submits(name), "{name}");
        }
        assert!(!submits("app-setup") && !submits("sign-in"));
    }
}
