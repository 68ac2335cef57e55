"""An application that signs people in with Authlib. Whoever runs it is the browser: it prints an address to open, and reads
the address at which that ended."""

import json
import os
import sys

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from urllib.parse import urlencode

# Plain http, because the server under test is on this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"
TWO = "urn:countersign:acr:two-factor"
method, issuer, client_id, secret, redirect_uri, bye = sys.argv[1:]
metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())


def browse(address):
    print("OPEN", address, flush=True)
    return sys.stdin.readline().strip()


def session(scope):
    return OAuth2Session(
        client_id, secret, scope=scope, redirect_uri=redirect_uri,
        token_endpoint_auth_method=method, code_challenge_method="S256",
    )


def id_token(token, nonce, **options):
    """Checks signature and claims as Authlib's own registry for frameworks does."""
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(
        decoded.claims, decoded.header,
        {"iss": {"value": issuer}, "aud": {"value": client_id}, **options},
        {"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
    )
    claims.validate(leeway=120)
    return claims


def sign_in(scope, **more):
    client = session(scope)
    verifier, nonce = generate_token(48), generate_token(24)
    address, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more
    )
    assert create_s256_code_challenge(verifier) in address
    back = browse(address)
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    return client, token, id_token(token, nonce)


client, token, claims = sign_in("openid profile email")
assert claims["acr"] == "urn:countersign:acr:one-factor" and claims["amr"] == ["pwd"], claims
person = client.get(metadata["userinfo_endpoint"]).json()
assert person["sub"] == claims["sub"] and "@" in person["email"], person

renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
assert renewed["refresh_token"] != token["refresh_token"]

told = client.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
assert told["active"] is True, told
client.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"])
told = client.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
assert told == {"active": False}, told

second, stepped, claims_then = sign_in("openid", acr_values=TWO, max_age=60)
assert claims_then["acr"] == TWO and claims_then["sub"] == claims["sub"], claims_then

query = urlencode({"id_token_hint": stepped["id_token"], "post_logout_redirect_uri": bye, "state": "so long"})
end = browse(f"{metadata['end_session_endpoint']}?{query}")
assert end == f"{bye}?state=so+long", end
try:
    second.refresh_token(metadata["token_endpoint"], refresh_token=stepped["refresh_token"])
    raise SystemExit("a session that has ended renews nothing")
except OAuthError as error:
    assert error.error == "invalid_grant", error

print("DONE", json.dumps({"sub": claims["sub"]}), flush=True)
