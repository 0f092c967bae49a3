// What the API answers, as the portal reads it: shared/domains/webhooks/schemas.py says the same.

export type Surface = "webapp" | "partner" | "infrastructure";
export type Child = Node | string | number | null | undefined | false | Child[];
export type Attributes = Record<string, unknown>;

export interface FieldError {
  location: (string | number)[];
  code: string;
  message: string;
}

export interface ProblemDocument {
  status: number;
  code: string;
  title: string;
  detail: string;
  request_id?: string | null;
  errors?: FieldError[];
  mfa_token?: string;
  methods?: string[];
}

export interface TokenPair {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Health {
  failures: number;
  failing_since: string | null;
  succeeded_at: string | null;
  paused_until: string | null;
}

export type EndpointState = "enabled" | "disabled" | "unverified";

export interface Endpoint {
  id: string;
  url: string;
  description: string;
  event_types: string[];
  ordered: boolean;
  header_names: string[];
  rate_limit: number | null;
  state: EndpointState;
  disabled_reason: string | null;
  disabled_at: string | null;
  verification: string;
  verified_at: string | null;
  health: Health;
  created_at: string;
  updated_at: string;
}

export interface Secret {
  id: string;
  scheme: "v1" | "v1a";
  public_key: string | null;
  created_at: string;
  expires_at: string | null;
}

export interface NewSecret extends Secret {
  secret: string | null;
}

export interface CreatedEndpoint extends Endpoint {
  secrets: NewSecret[];
}

export interface Attempt {
  id: string;
  message_id: string;
  event_type: string;
  cause: string;
  number: number;
  started_at: string;
  latency_ms: number;
  outcome: "succeeded" | "failed";
  status_code: number | null;
  failure: string | null;
  detail: string | null;
  next_at: string | null;
}

export interface AttemptDetails extends Attempt {
  request: Record<string, unknown>;
  response: Record<string, unknown> | null;
}

export interface Queued {
  messages: number;
  continue_from: string | null;
}

export interface Hour {
  hour: string;
  succeeded: number;
  failed: number;
}

export interface Statistics {
  pending: number;
  hours: Hour[];
}

export interface EventType {
  name: string;
  description: string;
  json_schema: Record<string, unknown>;
  example: Record<string, unknown>;
}

/** A request to the API of webhooks. */
export interface Asked {
  method?: string;
  body?: unknown;
  query?: Record<string, string> | URLSearchParams;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

export interface FormOptions {
  submit: string;
  act: (form: HTMLFormElement) => unknown;
  danger?: boolean;
  besides?: Child;
  label?: string;
}

export interface HeaderOptions {
  operator: boolean;
  onSignOut: () => unknown;
  onLanguage: (tag: string) => void;
  onSurface: (surface: string) => void;
}

/** What a view is given: where it stands, and how it goes elsewhere. */
export interface Place {
  params: Record<string, string>;
  query: URLSearchParams;
  /** Ends when another view takes its place. */
  signal: AbortSignal;
  /** Shows this view anew, with fresh data. */
  again: () => void;
}

export interface View {
  title: string;
  node: Node;
}
