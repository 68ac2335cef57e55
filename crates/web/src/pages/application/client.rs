//! `/organization/applications/{id}/client` and `/organization/applications/{id}/secret`

use super::{Refused, again, find, path};
use crate::{
    app::App,
    extract::{Change, Id, Own},
    notice::Done,
    problem::Problem,
    respond::{Answer, see_other},
    views::{Choice, ClientForm, TextForm},
    words,
};
use axum::extract::State;
use countersign_core::{
    application::{ClientAuth, SigningAlgorithm},
    authority::ApplicationAuthority,
    ids::ApplicationId,
};
use countersign_flows::applications::{self, Client, ClientDraft, ClientOutcome};

/// The word for an application that signs nobody in.
const OFF: &str = "off";

/// The form as it was typed, with what is wrong in it.
#[derive(Default)]
pub(in crate::pages) struct Typed {
    kind: String,
    kind_error: Option<String>,
    algorithm: String,
    algorithm_error: Option<String>,
    keys: TextForm,
}

fn as_it_is(client: Option<&Client>) -> Typed {
    let algorithm = client.map_or(SigningAlgorithm::Rs256, |client| client.id_token_alg);
    let keys = client.and_then(|client| client.keys.clone()).unwrap_or_default();
    Typed {
        kind: client.map_or(OFF, |client| client.auth.as_str()).to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        keys: TextForm { value: keys, error: None },
        ..Typed::default()
    }
}

/// The form, as it is in force or as it was typed.
pub(super) fn form(client: Option<&Client>, typed: Option<Typed>) -> ClientForm {
    let typed = typed.unwrap_or_else(|| as_it_is(client));
    let choice =
        |word: &str, (label, text)| Choice { word: word.to_owned(), label, text, chosen: word == typed.kind };
    let mut kinds = vec![choice(OFF, words::applications::NO_CLIENT)];
    kinds.extend(
        [ClientAuth::ClientSecret, ClientAuth::None, ClientAuth::PrivateKeyJwt]
            .map(|auth| choice(auth.as_str(), words::applications::client(auth))),
    );
    let algorithms = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
    let algorithms = algorithms.map(|algorithm| Choice {
        word: algorithm.as_str().to_owned(),
        label: words::applications::algorithm(algorithm),
        text: "",
        chosen: algorithm.as_str() == typed.algorithm,
    });
    ClientForm {
        kind: client.map(|client| words::applications::client(client.auth).0),
        signed: client.map_or("", |client| client.id_token_alg.as_str()),
        has_secret: client.is_some_and(|client| client.auth == ClientAuth::ClientSecret),
        kinds,
        kind_error: typed.kind_error,
        algorithms: algorithms.to_vec(),
        algorithm_error: typed.algorithm_error,
        keys: typed.keys,
    }
}

/// `POST /organization/applications/{id}/client`: off, or how the application signs people in. A new secret waits for the
/// page that shows it once.
pub(crate) async fn set(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    let mut typed = Typed {
        kind: form.get("client").to_owned(),
        algorithm: form.get("id_token_alg").to_owned(),
        keys: TextForm { value: form.get("client_keys").to_owned(), error: None },
        ..Typed::default()
    };
    if let Some(defect) = form.defect() {
        typed.kind_error = Some(defect.error.to_string());
    } else if typed.kind == OFF {
        return remove(&app, &own, authority, id).await;
    } else if let Some(draft) = draft(&mut typed) {
        let done = Done::ApplicationChanged.at(&path(id));
        match applications::set_client(&app.services, authority, id, draft, &own.browser.origin).await? {
            ClientOutcome::Done(Some(_)) => return Ok(see_other(&path(id))),
            ClientOutcome::Done(None) => return Ok(see_other(&done)),
            ClientOutcome::NotFound | ClientOutcome::NoSecret => return Err(Problem::NotFound),
            ClientOutcome::Keys => typed.keys.error = Some(words::applications::CLIENT_KEYS.to_owned()),
        }
    }
    again(&app, &own, id, Refused { client: Some(typed), ..Refused::default() }).await
}

/// Where it was off already, nothing changes.
async fn remove(app: &App, own: &Own, authority: ApplicationAuthority, id: ApplicationId) -> Answer {
    find(app, own, id).await?;
    applications::remove_client(&app.services, authority, id, &own.browser.origin).await?;
    Ok(see_other(&Done::ApplicationChanged.at(&path(id))))
}

/// What is wanted, if it can be. RS256 where nothing was chosen.
fn draft(typed: &mut Typed) -> Option<ClientDraft> {
    let algorithm = match typed.algorithm.as_str() {
        "" => Ok(SigningAlgorithm::Rs256),
        word => word.parse(),
    };
    match (typed.kind.parse(), algorithm) {
        (Ok(auth), Ok(id_token_alg)) => {
            let keys = Some(typed.keys.value.clone()).filter(|keys| !keys.trim().is_empty());
            Some(ClientDraft { auth, id_token_alg, keys })
        }
        (kind, algorithm) => {
            typed.kind_error = kind.err().map(|_| words::applications::CLIENT.to_owned());
            typed.algorithm_error = algorithm.err().map(|_| words::applications::ALGORITHM.to_owned());
            None
        }
    }
}

/// `POST /organization/applications/{id}/secret`: a new one, in place of the old.
pub(crate) async fn new_secret(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    form.only_a_button()?;
    match applications::new_secret(&app.services, authority, id, &own.browser.origin).await? {
        ClientOutcome::Done(_) => Ok(see_other(&path(id))),
        ClientOutcome::NotFound => Err(Problem::NotFound),
        ClientOutcome::NoSecret | ClientOutcome::Keys => Err(Problem::CannotBeDone(
            "This application shows no secret when it signs people in, so there is none to replace. Choose “A web \
             application with a server” on its page first.",
        )),
    }
}
