"""Response headers that the application and the gateway's own answers have in common."""

SECURITY_HEADERS = {
    # Two years, as browsers' preload lists ask (RFC 6797).
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # An API's answers are data: whatever they hold, a browser runs nothing of it.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What keeps a browser from doing what an API never asks of it."""

CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods that other origins may use, where the settings allow the origin."""

CORS_HEADERS = (
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
    "traceparent",
    "tracestate",
)
"""Request headers that other origins may send."""

CORS_EXPOSED_HEADERS = (
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "Sunset",
    "X-Request-ID",
)
"""Response headers that scripts of other origins may read."""

CORS_MAX_AGE_S = 600
"""How long a browser may remember a preflight's answer, in seconds."""
