//! A change of an application by whoever runs its organization.

use super::{Administrator, Form, Id, Own};
use crate::{app::App, problem::Problem};
use axum::extract::{FromRequest, FromRequestParts, Request};
use countersign_core::{authority::ApplicationAuthority, ids::ApplicationId};

/// An administrator's own session, proven only just now; what the path names; and the posted form.
pub(crate) struct Change<P = Id<ApplicationId>> {
    pub(crate) own: Own,
    pub(crate) at: P,
    pub(crate) authority: ApplicationAuthority,
    pub(crate) form: Form,
}

impl<P: FromRequestParts<App, Rejection = Problem> + Send> FromRequest<App> for Change<P> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Administrator(own) = Administrator::from_request_parts(&mut parts, app).await?;
        let at = P::from_request_parts(&mut parts, app).await?;
        let form = Form::from_request(Request::from_parts(parts, body), app).await?;
        let authority = own.fresh_for_applications(app, &form).await?;
        Ok(Self { own, at, authority, form })
    }
}
