"""A staff portal that leaves the whole sign-in to Countersign, by OpenID Connect.

    /sign-in ──► Countersign ──► /callback ──► signed in
    /payroll ──(proof too old, or of one factor)──► Countersign, asked for two ──► /callback ──► /payroll
"""

import os
import secrets
import threading
import time

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, redirect, render_template, request, session, url_for

COUNTERSIGN = os.environ["COUNTERSIGN_URL"].rstrip("/")
CLIENT_ID = os.environ["CLIENT_ID"]
LISTEN = os.environ.get("LISTEN", "127.0.0.1:5000")
OWN = f"http://{LISTEN}"
TWO_FACTOR = "urn:countersign:acr:two-factor"
# So many seconds after a proof of identity the payroll asks for a new one.
PAYROLL_MAX_AGE = int(os.environ.get("PAYROLL_MAX_AGE", "300"))

app = Flask(__name__)
# Lax, because the way back from Countersign comes from another site. Behind https also SESSION_COOKIE_SECURE=True.
app.config.update(SECRET_KEY=secrets.token_bytes(32), SESSION_COOKIE_NAME="portal", SESSION_COOKIE_SAMESITE="Lax")

countersign = OAuth(app).register(
    "countersign",
    server_metadata_url=f"{COUNTERSIGN}/.well-known/openid-configuration",
    client_id=CLIENT_ID,
    client_secret=os.environ["CLIENT_SECRET"],
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)

# Tokens stay on this server: the browser's cookie holds only the key to this table.
signed_in = {}
refreshing = threading.Lock()


def current():
    return signed_in.get(session.get("key"))


def ask_for_sign_in(then, **wanted):
    """Sends the browser to Countersign. What is asked for is remembered, so that the answer can be held against it."""
    session["then"], session["wanted"] = then, wanted
    return countersign.authorize_redirect(f"{OWN}/callback", **wanted)


def meets(claims, acr_values=None, max_age=None):
    """Whether an ID token says what was asked for. Countersign never answers with less; looking is what makes it sure."""
    strong = acr_values is None or claims.get("acr") == acr_values
    # Ten seconds for clocks that differ and people who are on their way.
    return strong and (max_age is None or time.time() - claims.get("auth_time", 0) <= max_age + 10)


@app.get("/")
def home():
    who = current()
    return render_template("home.html", who=who, now=time.time()) if who else render_template("welcome.html")


@app.get("/sign-in")
def sign_in():
    return ask_for_sign_in("home")


@app.get("/callback")
def callback():
    then, wanted = session.pop("then", "home"), session.pop("wanted", {})
    # RFC 9207: the answer comes from the server that was asked, and from no other.
    if request.args.get("iss") != COUNTERSIGN:
        return render_template("refused.html", error="mismatching_state"), 400
    try:
        # Authlib compares state and nonce, sends the PKCE verifier, and checks signature and times.
        sure = {"iss": {"essential": True, "value": COUNTERSIGN}, "aud": {"essential": True, "value": CLIENT_ID}}
        token = countersign.authorize_access_token(claims_options=sure)
    except OAuthError as error:
        return render_template("refused.html", error=error.error), 403
    claims = token["userinfo"]
    if not meets(claims, **wanted):
        return render_template("refused.html", error="unmet_authentication_requirements"), 403
    # The ID token says who and how; name and e-mail address are asked for, and have to be of the same person.
    about = countersign.userinfo(token=token)
    if about["sub"] != claims["sub"]:
        return render_template("refused.html", error="mismatching_state"), 403
    signed_in.pop(session.get("key"), None)
    session.clear()
    session["key"] = secrets.token_urlsafe(32)
    signed_in[session["key"]] = {"claims": about | claims, "token": token}
    return redirect(url_for(then))


@app.get("/payroll")
def payroll():
    """For this page a sign-in is not enough: it wants two factors, and a recent proof of them."""
    who, wanted = current(), {"acr_values": TWO_FACTOR, "max_age": PAYROLL_MAX_AGE}
    if who is None or not meets(who["claims"], **wanted):
        return ask_for_sign_in("payroll", **wanted)
    return render_template("payroll.html", who=who)


@app.post("/refresh")
def refresh():
    who = current() or abort(403)
    # One at a time: a refresh token is worth one use, and to use it again ends everything.
    with refreshing:
        # In a "login as" there is none.
        old = who["token"].get("refresh_token") or abort(403)
        try:
            who["token"] |= countersign.fetch_access_token(grant_type="refresh_token", refresh_token=old)
            who["refreshed"] = who.get("refreshed", 0) + 1
        except OAuthError:
            # Signed out at Countersign, switched off, or too old: the session here is over as well.
            signed_in.pop(session["key"], None)
    return redirect(url_for("home"), 303)


@app.post("/sign-out")
def sign_out():
    """Ends the session here, and the one at Countersign, which comes back to /signed-out."""
    who = signed_in.pop(session.get("key"), None)
    session.clear()
    if who is None:
        return redirect(url_for("home"), 303)
    return countersign.logout_redirect(f"{OWN}/signed-out", id_token_hint=who["token"]["id_token"])


@app.get("/signed-out")
def signed_out():
    session.clear()
    return render_template("welcome.html", signed_out=True)


@app.before_request
def own_forms_alone():
    if request.method == "POST" and request.headers.get("Origin") != OWN:
        abort(403)


@app.after_request
def careful(response):
    # form-action names Countersign as well, for browsers hold it against the redirect that follows a form.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
        f"form-action 'self' {COUNTERSIGN}"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


if __name__ == "__main__":
    host, _, port = LISTEN.rpartition(":")
    print(f"The portal is at {OWN}", flush=True)
    app.run(host, int(port))
