// An application that signs people in with openid-client, as its documentation shows it. It knows nothing of the server but
// its address. Whoever runs it is the browser: it prints an address to open, and reads the address at which that ended.
import * as client from 'openid-client';
import { strict as assert } from 'node:assert';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const TWO = 'urn:countersign:acr:two-factor';
const [mode, ...args] = process.argv.slice(2);

if (mode === 'make-key') {
  const [privateFile, publicFile] = args;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  await writeFile(privateFile, JSON.stringify(await crypto.subtle.exportKey('jwk', pair.privateKey)));
  await writeFile(publicFile, JSON.stringify({ keys: [{ kty, crv, x, y, use: 'sig', alg: 'ES256' }] }));
  process.exit(0);
}

const [issuer, id, secret, redirect_uri, bye] = args;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function open(url) {
  console.log(`OPEN ${url.href}`);
  return new URL((await lines.next()).value);
}

async function authentication() {
  if (mode === 'secret-basic') return client.ClientSecretBasic(secret);
  if (mode === 'secret-post') return client.ClientSecretPost(secret);
  const jwk = JSON.parse(await readFile(secret, 'utf8'));
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return client.PrivateKeyJwt(key);
}

// Its tokens are signed by ES256 where it signs its own assertions so.
const metadata = mode === 'private-key' ? { id_token_signed_response_alg: 'ES256' } : {};
// Plain http, because the server under test is on this machine; a minute, because its clock is moved on.
const config = await client.discovery(new URL(issuer), id, metadata, await authentication(), {
  execute: [client.allowInsecureRequests],
});
config[client.clockTolerance] = 120;

async function signIn(parameters, checks) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  });
  const back = await open(address);
  return client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true, ...checks,
  });
}

const first = await signIn({ scope: 'openid profile email' });
const claims = first.claims();
assert.equal(claims.acr, 'urn:countersign:acr:one-factor');
assert.deepEqual(claims.amr, ['pwd']);
const person = await client.fetchUserInfo(config, first.access_token, claims.sub);
assert.match(person.email, /@/);

const renewed = await client.refreshTokenGrant(config, first.refresh_token);
assert.equal(renewed.claims().sub, claims.sub);
assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, true);

// Silent, and too weak: the error is named.
await assert.rejects(signIn({ scope: 'openid', acr_values: TWO, prompt: 'none' }),
  (error) => error.error === 'unmet_authentication_requirements');

const stepped = await signIn({ scope: 'openid', acr_values: TWO, max_age: '60' }, { maxAge: 60 });
assert.equal(stepped.claims().acr, TWO);
assert.deepEqual(stepped.claims().amr, ['pwd', 'otp', 'mfa']);
assert.equal(stepped.claims().sub, claims.sub);

await client.tokenRevocation(config, stepped.access_token);
assert.equal((await client.tokenIntrospection(config, stepped.access_token)).active, false);

const end = await open(client.buildEndSessionUrl(config, {
  id_token_hint: stepped.id_token, post_logout_redirect_uri: bye, state: 'so long',
}));
assert.equal(end.href, `${bye}?state=so+long`);
await assert.rejects(client.refreshTokenGrant(config, stepped.refresh_token),
  (error) => error.error === 'invalid_grant');

console.log('DONE');
process.exit(0);
