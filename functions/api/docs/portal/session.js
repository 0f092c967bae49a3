// Who is signed in. Tokens and keys stand in this module's variables only: in no storage, no cookie
// and no address, so that they are gone with the page.
/** @typedef {import("./types.d.ts").ProblemDocument} ProblemDocument */
/** @typedef {import("./types.d.ts").Surface} Surface */
/** @typedef {import("./types.d.ts").TokenPair} TokenPair */

const MARGIN_MS = 60_000;
/** How long before its end an access token is replaced: at half its life, if that is shorter. */

/** @typedef {{name: string, access: string, refresh: string, renewAt: number}} User */

/** @type {User | null} */
let user = null;
/** @type {string | null} */
let partnerKey = null;
/** @type {Surface} */
let surface = "webapp";
/** @type {Promise<boolean> | null} */
let renewal = null;
/** @type {number | undefined} */
let alarm;

/** What went wrong, as the API tells it (RFC 9457), or as there is no answer. */
export class Problem extends Error {
  /** @param {ProblemDocument} problem */
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/**
 * Tell whether something ended since nobody waits for it any more.
 *
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * Make an address below the API's base, wherever that stands: the page is beside it.
 *
 * @param {string} path
 */
export function address(path) {
  return new URL(path, document.baseURI);
}

/**
 * Send a request; return the answer whatever its status. Raises Problem where there is none.
 *
 * @param {string | URL} url
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
export async function send(url, options) {
  try {
    return await fetch(url, { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Problem({ status: 0, code: "unreachable", title: "", detail: "" });
  }
}

/**
 * Return an answer's content. Raises Problem where it is a refusal.
 *
 * @param {Response} answer
 * @returns {Promise<any>}
 */
export async function contentOf(answer) {
  const text = await answer.text();
  if (answer.ok) return text ? JSON.parse(text) : null;
  const nothing = {
    status: answer.status,
    code: "unknown",
    title: "",
    detail: `${answer.status} ${answer.statusText}`,
  };
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // A proxy between us and the API answered in its own way.
  }
  throw new Problem({ ...nothing, ...problem });
}

/**
 * @param {string} path
 * @param {unknown} body
 */
async function post(path, body) {
  const form = body instanceof URLSearchParams;
  /** @type {Record<string, string>} */
  const headers = form ? {} : { "Content-Type": "application/json" };
  const sent = form ? body : JSON.stringify(body);
  return contentOf(
    await send(address(`v2/webapp/${path}`), { method: "POST", headers, body: sent }),
  );
}

/**
 * Sign in by password. Raises Problem: `second_factor_required` has the `mfa_token` to go on.
 *
 * @param {string} username
 * @param {string} password
 */
export async function signIn(username, password) {
  const pair = await post("login", new URLSearchParams({ username, password }));
  await begin(pair, username);
}

/**
 * Go on with a sign-in: a code of six digits is an application's, anything else a recovery code.
 *
 * @param {string} username
 * @param {string} token
 * @param {string} code
 */
export async function answerWithCode(username, token, code) {
  const digits = code.replaceAll(" ", "");
  const factor = /^\d{6}$/.test(digits) ? { code: digits } : { recovery_code: code };
  await begin(await post("login/second-factor", { mfa_token: token, ...factor }), username);
}

/** Tell whether this browser and this page may use passkeys. */
export function canUsePasskeys() {
  return (
    typeof PublicKeyCredential === "function" &&
    "parseRequestOptionsFromJSON" in PublicKeyCredential
  );
}

/**
 * @param {string} username
 * @param {string} token
 */
export async function answerWithPasskey(username, token) {
  const options = await post("login/second-factor/passkey-options", { mfa_token: token });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = /** @type {PublicKeyCredential} */ (
    await navigator.credentials.get({ publicKey })
  );
  await begin(
    await post("login/second-factor", { mfa_token: token, passkey: credential.toJSON() }),
    username,
  );
}

/**
 * @param {TokenPair} pair
 * @param {string} username
 */
async function begin(pair, username) {
  if (user?.name !== username) surface = "webapp";
  forget();
  keep(pair, username);
}

/**
 * Use a partner's API key. Raises Problem where the API does not take it.
 *
 * @param {string} key
 */
export async function signInWithKey(key) {
  const url = address("v2/partner/webhooks?limit=1");
  await contentOf(await send(url, { headers: { "x-api-key": key } }));
  forget();
  partnerKey = key;
  surface = "partner";
}

/** Tell whether somebody is signed in. */
export function isSignedIn() {
  return Boolean(user || partnerKey);
}

/** Return the name of who is signed in; null for a partner's key. */
export function userName() {
  return user?.name ?? null;
}

export function currentSurface() {
  return surface;
}

/** @param {Surface} chosen */
export function chooseSurface(chosen) {
  surface = chosen;
}

/** Tell whether who is signed in may see the endpoints of the installation. */
export async function isOperator() {
  if (!user) return false;
  const answer = await send(address("v2/infrastructure/webhooks?limit=1"), {
    headers: await credentials(),
  });
  return answer.ok;
}

/**
 * Return the headers that say who is asking, with a token that is good for a while.
 *
 * @returns {Promise<Record<string, string>>}
 */
export async function credentials() {
  if (partnerKey) return { "x-api-key": partnerKey };
  if (user && Date.now() >= user.renewAt) await renew();
  return user ? { Authorization: `Bearer ${user.access}` } : {};
}

/**
 * Get the next access token; false where the session has ended. Who asks meanwhile waits too.
 *
 * @returns {Promise<boolean>}
 */
export function renew() {
  renewal ??= exchange().finally(() => (renewal = null));
  return renewal;
}

async function exchange() {
  if (!user) return false;
  const { name, refresh } = user;
  try {
    const pair = await post("refresh", { refresh_token: refresh });
    if (user?.refresh === refresh) keep(pair, name);
    return true;
  } catch (error) {
    if (error instanceof Problem && error.problem.status !== 401 && error.problem.status !== 422)
      throw error;
    return false;
  }
}

/**
 * @param {TokenPair} pair
 * @param {string} name
 */
function keep(pair, name) {
  const life = pair.expires_in * 1000;
  const rest = Math.max(life - MARGIN_MS, life / 2);
  user = {
    name,
    access: pair.access_token,
    refresh: pair.refresh_token,
    renewAt: Date.now() + rest,
  };
  clearTimeout(alarm);
  // A failure here is no news yet: the next request meets it again.
  alarm = setTimeout(() => renew().catch(() => false), rest);
}

/** Forget who is signed in. */
export function forget() {
  clearTimeout(alarm);
  user = null;
  partnerKey = null;
}

/** End the session, there and here. */
export async function signOut() {
  const headers = user ? { Authorization: `Bearer ${user.access}` } : null;
  forget();
  // `keepalive`: the page may be closing.
  if (headers)
    await send(address("v2/webapp/logout"), { method: "POST", headers, keepalive: true }).catch(
      () => null,
    );
}
