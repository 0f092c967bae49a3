// What the tests ask of Node.js: a JSON object a line, answered by a line. Bytes are base64.
import builtin, * as crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { createInterface } from "node:readline";

import { Webhook as LibraryWebhook } from "standardwebhooks";

import { Inbox, WebhookVerifier } from "../docs/examples/webhooks/webhook-verification.ts";

const bytes = (text) => Buffer.from(text, "base64");

const operations = {
  // docs/examples/webhooks/webhook-verification.ts
  verify({ keys, headers, body, now, tolerance_s, as }) {
    const options = { ...(now && { now: () => now }), ...(tolerance_s && { toleranceSeconds: tolerance_s }) };
    const given = as === "Headers" ? new Headers(headers) : headers;
    return new WebhookVerifier(keys, options).verify(given, bytes(body));
  },

  // The lengths of what `verify` compares by timingSafeEqual.
  comparisons(given) {
    const before = builtin.timingSafeEqual;
    const compared = [];
    builtin.timingSafeEqual = (first, second) => {
      compared.push(second.length);
      return before(first, second);
    };
    syncBuiltinESMExports();
    try {
      operations.verify(given);
    } finally {
      builtin.timingSafeEqual = before;
      syncBuiltinESMExports();
    }
    return compared;
  },

  // Each run is of a webhook's id: one after the other, or all at once.
  async inbox({ runs, most, at_once }) {
    const inbox = new Inbox(most);
    const worked = [];
    const one = ({ id, fails }) =>
      inbox
        .once({ id, timestamp: 0, payload: null }, async () => {
          await new Promise(setImmediate);
          worked.push(id);
          if (fails) throw new Error("it failed");
        })
        .catch(() => "failed");
    const ends = [];
    if (at_once) ends.push(...(await Promise.all(runs.map(one))));
    else for (const run of runs) ends.push(await one(run));
    return { ends, worked };
  },

  // The npm library `standardwebhooks`.
  library_verify({ secret, headers, body }) {
    return { payload: new LibraryWebhook(secret).verify(bytes(body).toString(), headers) };
  },
  library_sign({ secret, id, seconds, body }) {
    const signature = new LibraryWebhook(secret).sign(id, new Date(seconds * 1000), bytes(body));
    return { signature };
  },

  // Ed25519 by Node.js itself, with keys as the wrappings of RFC 8410 around their 32 bytes.
  crypto_verify({ public_key, content, signature }) {
    const der = Buffer.concat([bytes("MCowBQYDK2VwAyEA"), bytes(public_key)]);
    const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
    return { good: crypto.verify(null, bytes(content), key, bytes(signature)) };
  },
  crypto_sign({ private_key, content }) {
    const der = Buffer.concat([bytes("MC4CAQAwBQYDK2VwBCIEIA=="), bytes(private_key)]);
    const key = crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    return { signature: crypto.sign(null, bytes(content), key).toString("base64") };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = await operations[operation](given);
  } catch (error) {
    answer = { error: error.name, message: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
