//! What surrounds a page, from who is looking at it.

use crate::{
    app::App,
    extract::Browser,
    times,
    views::{LoginAsBanner, Shell, SignedIn},
};
use countersign_core::message::Channel;
use countersign_flows::identity::Who;

/// The shell of a page that this browser asked for; `who` is the account that is open, if one is.
pub(crate) fn shell(app: &App, browser: &Browser, who: Option<&Who>) -> Shell {
    Shell {
        csrf_token: browser.csrf_token.clone(),
        signed_in: who.map(signed_in),
        banner: who.and_then(|who| banner(app, who)),
        notice: browser.notice.clone(),
        form_page: browser.form_page.clone(),
        service_name: app.settings.service_name.clone(),
        support: app.settings.support.clone(),
        email_delayed: app.settings.is_delayed(Channel::Email),
        sms_delayed: app.settings.is_delayed(Channel::Sms),
        assets_version: app.assets_version.clone(),
    }
}

fn signed_in(who: &Who) -> SignedIn {
    SignedIn {
        name: who.name.clone(),
        email: who.email.clone(),
        organization: who.organization.clone().unwrap_or_default(),
        can_see_members: who.runs.is_some(),
    }
}

fn banner(app: &App, who: &Who) -> Option<LoginAsBanner> {
    let login_as = who.login_as.as_ref()?;
    let left = login_as.ends_at.since(app.services.now());
    Some(LoginAsBanner {
        actor: login_as.actor.clone(),
        subject: login_as.subject.clone(),
        ends_at: times::time_of_day(login_as.ends_at),
        seconds_left: times::seconds_up(left),
        left: times::left(left),
    })
}
