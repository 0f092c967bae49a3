// The document's addresses are relative, so that one document serves at the root and behind a
// stage. OpenAPI resolves a server against the document, a token URL against the server; Swagger UI
// resolves the latter against the page's host, hence they are made absolute here.
const source = new URL("openapi.json", document.baseURI);
const answer = await fetch(source);
if (!answer.ok) throw new Error(`${source} answered ${answer.status}`);
const spec = await answer.json();

const server = new URL(spec.servers[0].url, source).href;
spec.servers = [{ ...spec.servers[0], url: server.replace(/\/$/, "") }];
for (const scheme of Object.values(spec.components?.securitySchemes ?? {})) {
  for (const flow of Object.values(scheme.flows ?? {})) {
    if (flow.tokenUrl) flow.tokenUrl = new URL(flow.tokenUrl, server).href;
  }
}

SwaggerUIBundle({
  spec,
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // else the document is sent to a service on the internet
});
