// A tiny CRM with its own password page, which asks Countersign for the second step (second-step.js).

import { scrypt as scryptWithCallback, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

import { NotVerified, Refused, SecondStep, random } from './second-step.js';

const scrypt = promisify(scryptWithCallback);

// A table of users, with salts and hashes by scrypt. README.md has the two passwords.
const USERS = [
  {
    id: 'rosa',
    name: 'Rosa Klein',
    email: 'rosa@larkspur.example',
    password: '5tSxcxyQJMdThjLmXn9U8Q$yEyaj3n_DR8Lm_PqLQBDN9gqJQSpMT0ghEXQVIEO4FA',
    support: true,
  },
  {
    id: 'ben',
    name: 'Ben Osei',
    email: 'ben@larkspur.example',
    password: 'wu0y72bszQblXNEaUOniEw$4Bs6nZBkcjagYiWJcaw-Gr0YhKZv2PpVNLiBQSk8cDg',
    support: false,
  },
];

const listen = setting('LISTEN');
const own = `http://${listen}`;
const countersign = setting('COUNTERSIGN_URL').replace(/\/+$/, '');
const apiKey = setting('COUNTERSIGN_API_KEY');
const secondStep = new SecondStep({ countersign, apiKey, returnTo: `${own}/second-step` });

// Sessions live in memory here, and end with the program: handle ─► { user, actor, amr }. In a "log in as", actor is the
// person who is acting.
const sessions = new Map();

const template = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const templates = { page: template('page.html'), home: template('home.html'), signIn: template('sign-in.html') };

const routes = {
  'GET /': home,
  'GET /sign-in': () => signInPage(200),
  'POST /sign-in': signIn,
  'GET /second-step': secondStepDone,
  'POST /log-in-as': logInAs,
  'POST /log-in-as/stop': stopLoginAs,
  'POST /sign-out': signOut,
};

async function signIn({ form }) {
  const email = (form.get('email') ?? '').trim().toLowerCase();
  const user = USERS.find((one) => one.email === email);
  // An address that nobody has takes as long as one that someone has.
  const correct = await passwordMatches(form.get('password') ?? '', (user ?? USERS[0]).password);
  if (!user || !correct) return signInPage(422, "That email and password don't match. Try again.");
  return begin(user);
}

// A support agent logs in as someone else, with the agent's own second step. The user's is never asked for.
async function logInAs({ cookies, form }) {
  const session = sessions.get(cookies.crm);
  const user = USERS.find((one) => one.id === form.get('person'));
  if (!session?.user.support || session.actor || !user || user === session.user) return { status: 403 };
  return begin(user, session.user);
}

async function begin(user, actor) {
  const { handle, url } = await secondStep.begin(user, actor);
  return { ...redirect(url), cookie: cookie('crm-pending', handle) };
}

async function secondStepDone({ cookies, query }) {
  try {
    return newSession(cookies, await secondStep.finish(cookies['crm-pending'], query));
  } catch (error) {
    if (error instanceof NotVerified) return noSecondStep(422, error.message);
    throw error;
  }
}

// Back to the account of the person who is acting.
function stopLoginAs({ cookies }) {
  const session = sessions.get(cookies.crm);
  if (!session?.actor) return redirect('/');
  return newSession(cookies, { user: session.actor, actor: null, amr: session.amr });
}

function signOut({ cookies }) {
  sessions.delete(cookies.crm);
  return redirect('/sign-in');
}

// A new session has a new handle, and the browser's old one ends.
function newSession(cookies, session) {
  sessions.delete(cookies.crm);
  const handle = random();
  sessions.set(handle, session);
  return { ...redirect('/'), cookie: cookie('crm', handle) };
}

function home({ cookies }) {
  const session = sessions.get(cookies.crm);
  if (!session) return redirect('/sign-in');
  const { user, actor, amr } = session;
  const banner = actor
    ? `<form class="banner" method="post" action="/log-in-as/stop"><strong>${escape(actor.name)}</strong>, you are logged in as
       <strong>${escape(user.name)}</strong>.<br><button>End and return to my account</button></form>`
    : '';
  const others = user.support && !actor ? USERS.filter((other) => other !== user) : [];
  const support = others.map(
    (other) => `<h2>Support</h2><form method="post" action="/log-in-as">
      <input type="hidden" name="person" value="${escape(other.id)}">
      <p class="quiet">You'll enter your own verification code, not theirs.</p>
      <button>Log in as ${escape(other.name)}</button></form>`,
  );
  const values = { banner, name: escape(user.name), amr: escape(amr.join(', ')), support: support.join('') };
  return page(200, 'Customers', fill(templates.home, values));
}

function signInPage(status, wrong = '') {
  return page(status, 'Sign in', fill(templates.signIn, { wrong: escape(wrong) }));
}

function noSecondStep(status, why) {
  const body = `<h1>Not verified</h1><p id="why">${escape(why)}</p><p><a href="/">Start again</a></p>`;
  return page(status, 'Not verified', body);
}

function page(status, title, body) {
  return { status, html: fill(templates.page, { title: escape(title), body }) };
}

const redirect = (location) => ({ status: 303, location });

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

async function passwordMatches(password, stored) {
  const [salt, hash] = stored.split('$').map((part) => Buffer.from(part, 'base64url'));
  return timingSafeEqual(hash, await scrypt(password, salt, hash.length, { N: 2 ** 14, r: 8, p: 5 }));
}

// Lax, because the way back comes from another site. Behind https add Secure and the prefix __Host-.
const cookie = (name, value) => `${name}=${value}; Path=/; HttpOnly; SameSite=Lax`;

function cookiesOf(request) {
  const pairs = (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  // The first one of a name counts.
  return Object.fromEntries(pairs.reverse());
}

async function formOf(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 10_000) throw new RangeError('the form is too long');
  }
  return new URLSearchParams(text);
}

async function respond(request) {
  const [path, query = ''] = request.url.split(/\?(.*)/s);
  const route = routes[`${request.method} ${path}`];
  if (!route) return { status: 404 };
  // Forms count only from these pages.
  if (request.method === 'POST' && request.headers.origin !== own) return { status: 403 };
  const form = request.method === 'POST' ? await formOf(request) : null;
  return route({ cookies: cookiesOf(request), query: new URLSearchParams(query), form });
}

function failed(error) {
  console.error(error instanceof Refused ? `Countersign refused: ${error.message}` : error);
  if (error instanceof Refused) return noSecondStep(503, "We can't verify you right now. Try again in a minute.");
  return { status: error instanceof RangeError ? 413 : 500 };
}

// The policy lets a form lead to Countersign: browsers check form-action against redirects too.
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ${countersign}; frame-ancestors 'none'; base-uri 'none'`,
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

function setting(name) {
  if (process.env[name]) return process.env[name];
  console.error(`Set ${name}. README.md says what it is.`);
  process.exit(1);
}

const server = createServer(async (request, response) => {
  const { status, location, cookie: setCookie, html } = await respond(request).catch(failed);
  const headers = { ...HEADERS, ...(location && { Location: location }), ...(setCookie && { 'Set-Cookie': setCookie }) };
  response.writeHead(status, headers).end(html);
});
const { hostname, port } = new URL(own);
server.listen(port, hostname, () => console.log(`The CRM is at ${own}`));
