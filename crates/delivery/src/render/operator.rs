//! Emails to the operator of the server.

use super::Words;
use super::layout::Letter;

/// A budget of messages that is nearly used up.
pub(super) struct Budget<'a> {
    /// What is counted, as core's `Scope::as_str`.
    pub(super) scope: &'a str,
    /// A country or an organization; empty for the whole server.
    pub(super) subject: &'a str,
    pub(super) used: u32,
    pub(super) allowed: u32,
    pub(super) setting: &'a str,
}

pub(super) fn budget(budget: &Budget<'_>, when: &str, words: &Words) -> Letter {
    let Budget { scope, subject, used, allowed, setting } = budget;
    let what = if scope.starts_with("sms") { "text messages" } else { "codes and links by email" };
    let of = match *scope {
        "sms-country" => format!("{what} to numbers in {subject}"),
        "sms-organization" | "email-organization" => format!("{what} for the organization \"{subject}\""),
        _ => format!("{what} of the whole server"),
    };
    Letter::about(format!("{} has used {used} of {allowed} {what}", words.service_name))
        .says(&format!(
            "By {when}, {used} of the {allowed} {of} that are allowed in 24 hours were used. When all are used, no \
             more are sent until there is room again, and people who need one are asked to use another method."
        ))
        .says(
            "If this is more than you expect, someone may be sending messages at your cost. The log and the metrics \
             countersign_sends_total and countersign_send_refusals_total show what was sent and refused.",
        )
        .says("If it is ordinary use, allow more with this setting, and restart the server:")
        .shows(setting)
        .says("You get this message at most once in 24 hours for each of these limits.")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{message, written};
    use countersign_core::message::{Content, Message};
    use insta::assert_snapshot;

    fn mail(scope: &str, subject: &str, setting: &str) -> String {
        let (scope, subject, setting) = (scope.into(), subject.into(), setting.into());
        let content = Content::BudgetNearlyUsed { scope, subject, used: 800, allowed: 1000, setting };
        written(&Message { name: String::new(), ..message(content) })
    }

    #[test]
    fn a_budget_that_is_nearly_used_up() {
        assert_snapshot!(mail("sms-country", "GB", "budget.sms_per_country_day"), @r#"
        Subject: Harbour CRM has used 800 of 1000 text messages

        Hi,

        By 24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7), 800 of
        the 1000 text messages to numbers in GB that are allowed in 24 hours
        were used. When all are used, no more are sent until there is room
        again, and people who need one are asked to use another method.

        If this is more than you expect, someone may be sending messages at your
        cost. The log and the metrics countersign_sends_total and
        countersign_send_refusals_total show what was sent and refused.

        If it is ordinary use, allow more with this setting, and restart the
        server:

            budget.sms_per_country_day

        You get this message at most once in 24 hours for each of these limits.

        -- 
        Harbour CRM
        https://accounts.harbour.example
        "#);
    }

    #[test]
    fn each_scope_is_named_for_what_it_is() {
        let text = mail("email-organization", "Harbour & Pine", "x").replace('\n', " ");
        assert!(text.contains("codes and links by email for the organization \"Harbour & Pine\""), "{text}");
        let text = mail("sms-server", "", "x").replace('\n', " ");
        assert!(text.contains("text messages of the whole server"), "{text}");
    }
}
