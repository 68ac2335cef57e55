// The second step: this is the file to copy.
//
//   password correct ─► begin: PUT user, POST challenge ──303──► Countersign's pages
//                                                                      │
//   session ◄─(the four checks)─ finish: POST redeem ◄── GET /second-step?result=…&state=…

import { randomBytes, randomUUID } from 'node:crypto';

// The person came back without a second step, or with one that is not this sign-in's. Nobody gets in; they can start again.
export class NotVerified extends Error {}

// Countersign said no, by a problem document (RFC 9457), or can't be reached. Nobody gets in: a second step that is left out
// when it's inconvenient is none.
export class Refused extends Error {
  constructor(type, detail) {
    super(`${type}: ${detail}`);
    this.type = type;
  }
}

// 256 bits that no one can guess.
export const random = () => randomBytes(32).toString('base64url');

export class SecondStep {
  #api;
  #apiKey;
  #returnTo;
  // Sign-ins whose second step is still missing, by the handle in the browser's cookie. They permit nothing but the way back.
  // In production, keep them where your sessions are, for fifteen minutes.
  #pending = new Map();

  // returnTo: the URL of this application that is registered with Countersign.
  constructor({ countersign, apiKey, returnTo }) {
    this.#api = `${countersign}/api/v1`;
    this.#apiKey = apiKey;
    this.#returnTo = returnTo;
  }

  // Asks for the second step: the user's own, or the actor's when a support agent logs in as the user. Returns the handle for
  // the cookie and the URL to send the browser to.
  async begin(user, actor = null) {
    for (const { id, email, name } of actor ? [user, actor] : [user]) {
      // At every sign-in, so that Countersign has the current name.
      await this.#request('PUT', `/users/${encodeURIComponent(id)}`, { email, name });
    }
    const state = random();
    const draft = { user: user.id, state, return_to: this.#returnTo };
    if (actor) draft.actor = actor.id;
    const challenge = await this.#request('POST', '/challenges', draft);
    const handle = random();
    this.#pending.set(handle, { user, actor, challenge: challenge.id, state });
    return { handle, url: challenge.url };
  }

  // The way back: handle is the cookie's, query a URLSearchParams. Returns who may have a session. It changes something
  // although it is a GET, as in every redirect protocol; it works once.
  async finish(handle, query) {
    // 1. This is the browser in which the password was entered: its cookie leads to the state that the URL repeats.
    const pending = this.#pending.get(handle);
    this.#pending.delete(handle);
    if (!pending || only(query, 'state') !== pending.state) {
      throw new NotVerified('This sign-in is no longer waiting.');
    }
    if (query.has('error')) throw new NotVerified('You came back without it. Your password is not enough to sign in.');
    // 2. Nothing in the URL is believed: Countersign says to this server, once, what the result stands for.
    const verified = await this.#redeem(only(query, 'result'));
    // 3. The result answers the challenge that this browser waited for,
    const sameChallenge = verified.challenge === pending.challenge;
    // 4. for the user who was signing in, and it was verified by the person who is acting.
    const sameUser = verified.user === pending.user.id;
    const sameActor = verified.actor === (pending.actor?.id ?? null);
    if (!sameChallenge || !sameUser || !sameActor) throw new NotVerified('That was the second step of another sign-in.');
    // The password was checked here; Countersign says what came after it, which is nothing for a code sent by email.
    return { user: pending.user, actor: pending.actor, amr: ['pwd', ...verified.amr] };
  }

  async #redeem(result) {
    try {
      return await this.#request('POST', '/challenges/redeem', { result });
    } catch (error) {
      if (!error.type?.endsWith('/result-not-found')) throw error;
      throw new NotVerified('It took too long, or the link was opened twice.');
    }
  }

  // One request, sent again once if its response is lost. The idempotency key makes that safe: the second time, Countersign
  // returns the first response and does nothing twice. The API key never leaves this server.
  async #request(method, path, body) {
    const headers = {
      Authorization: `Bearer ${this.#apiKey}`,
      'Content-Type': 'application/json',
      ...(method === 'POST' && { 'Idempotency-Key': randomUUID() }),
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const signal = AbortSignal.timeout(5_000);
        const options = { method, headers, body: JSON.stringify(body), redirect: 'error', signal };
        const response = await fetch(this.#api + path, options);
        const json = await response.json();
        if (response.ok) return json;
        throw new Refused(json.type, json.detail);
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (attempt === 2) throw new Refused('unreachable', error.cause?.message ?? error.message);
      }
    }
  }
}

// A parameter that is there exactly once; an empty text otherwise.
function only(query, name) {
  const values = query.getAll(name);
  return values.length === 1 ? values[0] : '';
}
