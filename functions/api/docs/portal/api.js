// The webhooks' API of the surface that is chosen. A session that has ended is renewed, or its
// person asked to sign in again over the page as it stands, and then the request goes on.
import {
  Problem,
  address,
  contentOf,
  credentials,
  currentSurface,
  renew,
  send,
  userName,
} from "./session.js";

/** @typedef {import("./types.d.ts").Attempt} Attempt */
/** @typedef {import("./types.d.ts").AttemptDetails} AttemptDetails */
/** @typedef {import("./types.d.ts").CreatedEndpoint} CreatedEndpoint */
/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").EventType} EventType */
/** @typedef {import("./types.d.ts").NewSecret} NewSecret */
/** @typedef {import("./types.d.ts").Secret} Secret */
/** @typedef {import("./types.d.ts").Statistics} Statistics */
/**
 * @template T
 * @typedef {import("./types.d.ts").Listing<T>} Listing
 */
/** @typedef {import("./types.d.ts").Asked} Asked */

const TRIES = 4;
/** How often a reading request that is throttled is sent: a small plan allows few a second. */

const LONGEST_WAIT_MS = 5000;

/** @type {() => Promise<void>} */
let signInAgain = async () => undefined;

/**
 * Say how a person signs in again; it raises where they do not.
 *
 * @param {() => Promise<void>} ask
 */
export function onSessionEnd(ask) {
  signInAgain = ask;
}

/**
 * @param {string} path
 * @param {Asked} asked
 */
async function once(path, { method = "GET", body, query, signal, headers }) {
  const url = address(`v2/${currentSurface()}/webhooks${path}`);
  url.search = new URLSearchParams(query).toString();
  /** @type {Record<string, string>} */
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return send(url, {
    method,
    signal,
    headers: { Accept: "application/json", ...json, ...headers, ...(await credentials()) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/**
 * @param {string} path
 * @param {Asked} asked
 */
async function patiently(path, asked) {
  let answer = await once(path, asked);
  for (let tries = 1; answer.status === 429 && !asked.method && tries < TRIES; tries += 1) {
    const wait = Number(answer.headers.get("Retry-After") ?? 1) * 1000;
    await new Promise((resolve) => setTimeout(resolve, Math.min(wait, LONGEST_WAIT_MS)));
    answer = await once(path, asked);
  }
  return answer;
}

/**
 * Send a request. Raises Problem where it is refused, AbortError where nobody waits any more.
 *
 * @param {string} path
 * @param {Asked} [asked]
 */
async function ask(path, asked = {}) {
  let answer = await patiently(path, asked);
  if (isOver(answer) && userName() && (await renew())) answer = await patiently(path, asked);
  while (isOver(answer)) {
    await signInAgain();
    asked.signal?.throwIfAborted();
    answer = await patiently(path, asked);
  }
  return answer;
}

/**
 * Tell whether an answer says that the session, or the key, is good no more.
 *
 * @param {Response} answer
 */
function isOver(answer) {
  return answer.status === 401;
}

/**
 * @param {string} path
 * @param {Asked} [asked]
 */
async function call(path, asked) {
  return contentOf(await ask(path, asked));
}

/**
 * @param {URLSearchParams} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Listing<Endpoint>>}
 */
export function listEndpoints(query, signal) {
  return call("", { query, signal });
}

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<EventType[]>}
 */
export async function listEventTypes(signal) {
  const found = await call("/event-types", { signal });
  return Array.isArray(found) ? found : found.items;
}

/**
 * Get an endpoint, and the tag by which a change says what it is a change of.
 *
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<{endpoint: Endpoint, tag: string | null}>}
 */
export async function getEndpoint(id, signal) {
  const answer = await ask(`/${id}`, { signal });
  return { endpoint: await contentOf(answer), tag: answer.headers.get("ETag") };
}

/**
 * @param {Record<string, unknown>} draft
 * @returns {Promise<CreatedEndpoint>}
 */
export function createEndpoint(draft) {
  return call("", { method: "POST", body: draft });
}

/**
 * @param {string} id
 * @param {Record<string, unknown>} change
 * @param {string | null} [tag]
 * @returns {Promise<Endpoint>}
 */
export function changeEndpoint(id, change, tag) {
  return call(`/${id}`, { method: "PATCH", body: change, headers: tag ? { "If-Match": tag } : {} });
}

/** @param {string} id */
export function removeEndpoint(id) {
  return call(`/${id}`, { method: "DELETE" });
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Secret[]>}
 */
export async function listSecrets(id, signal) {
  const found = await call(`/${id}/secrets`, { signal });
  return Array.isArray(found) ? found : found.items;
}

/**
 * @param {string} id
 * @param {{scheme: string, overlap_s: number}} rotation
 * @returns {Promise<NewSecret>}
 */
export function rotateSecret(id, rotation) {
  return call(`/${id}/rotate-secret`, { method: "POST", body: rotation });
}

/**
 * @param {string} id
 * @param {URLSearchParams} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Listing<Attempt>>}
 */
export function listAttempts(id, query, signal) {
  return call(`/${id}/attempts`, { query, signal });
}

/**
 * @param {string} id
 * @param {string} attempt
 * @param {AbortSignal} [signal]
 * @returns {Promise<AttemptDetails>}
 */
export function getAttempt(id, attempt, signal) {
  return call(`/${id}/attempts/${attempt}`, { signal });
}

/**
 * @param {string} id
 * @param {string} attempt
 */
export function resend(id, attempt) {
  return call(`/${id}/attempts/${attempt}/resend`, { method: "POST" });
}

/**
 * Send all messages again that failed since then; return how many they are.
 *
 * @param {string} id
 * @param {string} since
 */
export function resendFailed(id, since) {
  return queueAll(`/${id}/resend-failed`, { since });
}

/**
 * Send all messages of a time again; return how many they are.
 *
 * @param {string} id
 * @param {{since: string, until: string, event_types: string[]}} range
 */
export function replay(id, range) {
  return queueAll(`/${id}/replay`, range);
}

/**
 * Ask until all is queued: one request does so many messages only, and says where the next begins.
 *
 * @param {string} path
 * @param {{since: string}} range
 */
async function queueAll(path, range) {
  let all = 0;
  /** @type {string | null} */
  let since = range.since;
  while (since) {
    const body = { ...range, since };
    /** @type {import("./types.d.ts").Queued} */
    const { messages, continue_from: next } = await call(path, { method: "POST", body });
    all += messages;
    since = next === since ? null : next;
  }
  return all;
}

/**
 * @param {string} id
 * @param {string} type
 * @returns {Promise<{message_id: string}>}
 */
export function sendTest(id, type) {
  return call(`/${id}/test`, { method: "POST", body: { event_type: type } });
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Statistics>}
 */
export function getStatistics(id, signal) {
  return call(`/${id}/statistics`, { signal });
}

export { Problem };
