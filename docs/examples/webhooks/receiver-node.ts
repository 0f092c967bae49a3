/** A receiver on node:http: `WEBHOOK_KEYS="whsec_... whpk_..." PORT=8080 node receiver-node.ts`. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

import { Inbox, UnverifiedError, type Webhook, WebhookVerifier } from "./webhook-verification.ts";

const MOST_BYTES = 256 * 1024;

/** Returns a server of `POST /webhooks`; `keys` are those that it trusts. */
export function createReceiver(
  keys: readonly string[],
  handle: (webhook: Webhook) => Promise<void>,
): Server {
  const verifier = new WebhookVerifier(keys);
  const inbox = new Inbox();

  async function statusOf(request: IncomingMessage): Promise<number> {
    if (request.method !== "POST" || request.url !== "/webhooks") return 404;
    const body = await bodyOf(request);
    if (body === undefined) return 413;
    const webhook = verifier.verify(request.headers, body);
    // Handled now or before, it is 204: whoever sent it need not try again.
    await inbox.once(webhook, () => handle(webhook));
    return 204;
  }

  return createServer((request, response) => {
    statusOf(request)
      // What failed here is a 500: the webhook is sent again later.
      .catch((error: unknown) => (error instanceof UnverifiedError ? 400 : 500))
      .then((status) => response.writeHead(status).end());
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // The rest is read and not kept: an answer to who is still sending would be lost.
    if (size <= MOST_BYTES) chunks.push(chunk);
  }
  return size <= MOST_BYTES ? Buffer.concat(chunks) : undefined;
}

/** Do what the event asks for: quickly, for the sender waits 15 seconds. Longer work goes into a queue. */
async function handle(webhook: Webhook): Promise<void> {
  const { type } = webhook.payload as { type: string };
  console.log(`${webhook.id}: ${type}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const keys = (process.env["WEBHOOK_KEYS"] ?? "").split(" ").filter(Boolean);
  const server = createReceiver(keys, handle);
  server.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    console.log(`listening on http://127.0.0.1:${port}/webhooks`);
  });
}
