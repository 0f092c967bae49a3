/**
 * Verify webhooks (Standard Webhooks 1.0.0) and handle each once. Copy this file: it stands alone.
 * It needs Node.js 20 and no package; Node.js from 22.18 on runs it as it is.
 */
import { createHmac, createPublicKey, timingSafeEqual, verify as isSignatureOf } from "node:crypto";

/** What was verified. `id` is the same each time that this message is sent, `timestamp` is not. */
export interface Webhook {
  readonly id: string;
  readonly timestamp: number;
  readonly payload: unknown;
}

/** The headers of `node:http`, of Express, or of a `Request`. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | string[] | undefined>>;

export interface WebhookOptions {
  readonly toleranceSeconds?: number;
  /** Returns Unix time in seconds. */
  readonly now?: () => number;
}

type Check = (signature: Buffer, content: Buffer) => boolean;

/** The request is not from whom it should be, or is not of these minutes: answer 400, do nothing. */
export class UnverifiedError extends Error {
  override name = "UnverifiedError";
}

// A full stop in the id could make one signed text mean two things.
const ID = /^[!-\-/-~]{1,255}$/;
const SECONDS = /^[0-9]{1,12}$/;

/**
 * Verifies by the keys that you trust: secrets (`whsec_`) and public keys (`whpk_`), one is enough.
 * Give both the old key and the new one while they are exchanged.
 */
export class WebhookVerifier {
  readonly #checks: readonly (readonly [scheme: string, check: Check])[];
  readonly #toleranceSeconds: number;
  readonly #now: () => number;

  constructor(keys: readonly string[], options: WebhookOptions = {}) {
    if (keys.length === 0) throw new TypeError("nothing is verified without a key");
    this.#checks = keys.map(checkOf);
    this.#toleranceSeconds = options.toleranceSeconds ?? 300;
    this.#now = options.now ?? (() => Date.now() / 1000);
  }

  /**
   * Returns what was sent. `body` is what came, byte for byte: never JSON that was parsed and written anew.
   * @throws {UnverifiedError}
   */
  verify(headers: WebhookHeaders, body: Uint8Array): Webhook {
    const id = valueOf(headers, "webhook-id");
    const seconds = valueOf(headers, "webhook-timestamp");
    if (!ID.test(id) || !SECONDS.test(seconds)) {
      throw new UnverifiedError("the webhook-id or the webhook-timestamp is missing or malformed");
    }
    const timestamp = Number(seconds);
    if (Math.abs(this.#now() - timestamp) > this.#toleranceSeconds) {
      throw new UnverifiedError("the webhook-timestamp is too far from the present");
    }
    const content = Buffer.concat([Buffer.from(`${id}.${seconds}.`), body]);
    if (!this.#isSigned(content, valueOf(headers, "webhook-signature"))) {
      throw new UnverifiedError("no signature is of this body by a key that is trusted");
    }
    return { id, timestamp, payload: JSON.parse(Buffer.from(body).toString("utf8")) };
  }

  // Of schemes that are unknown here, signatures are passed over: there may be new ones one day.
  #isSigned(content: Buffer, list: string): boolean {
    return list.split(" ").some((each) => {
      const comma = each.indexOf(",");
      const signature = Buffer.from(each.slice(comma + 1), "base64");
      return this.#checks.some(
        ([scheme, check]) => each.slice(0, comma) === scheme && check(signature, content),
      );
    });
  }
}

/**
 * Which webhooks this process has handled. With several processes, or to know it after a restart, keep the ids
 * in your database instead, in a table where the id is unique, in the transaction of what a webhook causes.
 */
export class Inbox {
  readonly #handled = new Map<string, Promise<void>>();
  readonly #most: number;

  /** `most`: how many ids are kept; the oldest are forgotten. */
  constructor(most = 100_000) {
    this.#most = most;
  }

  /** Does the work unless it was done for this webhook, and tells whether it did. Work that failed was not done. */
  async once(webhook: Webhook, work: () => Promise<void>): Promise<boolean> {
    const before = this.#handled.get(webhook.id);
    // The same webhook may come twice at once: the second waits for how the first ends.
    if (before !== undefined) return before.then(() => false);
    const done = work();
    this.#handled.set(webhook.id, done);
    try {
      await done;
    } catch (error) {
      this.#handled.delete(webhook.id);
      throw error;
    }
    this.#forgetOldest();
    return true;
  }

  #forgetOldest(): void {
    for (const id of this.#handled.keys()) {
      if (this.#handled.size <= this.#most) return;
      this.#handled.delete(id);
    }
  }
}

function checkOf(key: string): readonly [scheme: string, check: Check] {
  if (key.startsWith("whpk_")) return ["v1a", publicCheck(keyBytes(key, "whpk_"))];
  const secret = keyBytes(key, "whsec_");
  return [
    "v1",
    (signature, content) => {
      const expected = createHmac("sha256", secret).update(content).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    },
  ];
}

function publicCheck(raw: Buffer): Check {
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  return (signature, content) => isSignatureOf(null, content, publicKey, signature);
}

function keyBytes(key: string, prefix: string): Buffer {
  const encoded = key.startsWith(prefix) ? key.slice(prefix.length) : "";
  const raw = Buffer.from(encoded, "base64");
  if (raw.length === 0 || raw.toString("base64") !== encoded) {
    throw new TypeError("a key is whsec_ or whpk_ and standard base64");
  }
  return raw;
}

function valueOf(headers: WebhookHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === "string" ? value : "";
}
