"""A real OpenID provider on loopback, with keys of its own, and GitHub's likeness: both can misbehave.

It checks what providers check: the client's secret, the redirect address, PKCE, and that a code works once.
"""

import base64
import gzip
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "switchyard"
CLIENT_SECRET = "a secret: with ünusual/characters+"
GITHUB_SECRET = "the-secret-of-github"

type Claims = dict[str, Any]
type Answer = tuple[int, Mapping[str, str], bytes]


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def unchanged(claims: Claims) -> Claims:
    return claims


@dataclass
class Provider:
    """The provider. What a test sets here, the next answer has."""

    port: int = 0
    user: Claims = field(
        default_factory=lambda: {
            "sub": "248289761001",
            "email": "ada@example.com",
            "email_verified": True,
            "preferred_username": "ada",
        }
    )
    keys: list[RSAKey] = field(default_factory=lambda: [new_key("first")])
    change: Callable[[Claims], Claims] = unchanged
    """What becomes of an ID token's claims before they are signed."""
    sign: Callable[[Claims], str] | None = None
    """How an ID token is signed instead."""
    metadata: Claims = field(default_factory=dict)
    """What its document says otherwise."""
    tokens: Claims = field(default_factory=dict)
    """What the answer with the tokens says otherwise."""
    userinfo: Claims = field(default_factory=dict)
    """Whom it tells of to who has an access token, where that is somebody else."""
    emails: Any = None
    """What GitHub's list of addresses is instead."""
    faults: dict[str, str] = field(default_factory=dict)
    """What goes wrong, by path: one of `FAULTS`, `silence` or `drip`."""
    seen: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    """Ends what is slow."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def consent(self, authorization_url: str) -> str:
        """Be the user who consents: return where the browser is sent back to."""
        import httpx

        answer = httpx.get(authorization_url, follow_redirects=False, trust_env=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def id_token(self, asked: Mapping[str, str], access_token: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = self.change(
            {
                "iss": self.url,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 300,
                "nonce": asked["nonce"],
                "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
                **self.user,
            }
        )
        if self.sign:
            return self.sign(claims)
        key = self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    # What it answers, by path.

    def document(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.metadata,
        }

    def jwks(self) -> Claims:
        useless = [{"kty": "oct", "k": "c2VjcmV0", "kid": "first"}, {"kty": "RSA", "kid": "bad"}, 7]
        return {"keys": [*useless, *(key.as_dict(private=False) for key in self.keys)]}

    def authorize(self, asked: dict[str, str], **told: str) -> Answer:
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked
        told |= {"code": code, "state": asked["state"]}
        return 302, {"Location": f"{asked['redirect_uri']}?{urlencode(told)}"}, b""

    def redeem(self, form: Mapping[str, str]) -> dict[str, str] | None:
        """Return what was asked at the beginning of a code that is good, once."""
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["grant_type"] != "authorization_code":
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = proved == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]
        return asked if same else None

    def token(self, form: Mapping[str, str], authorization: str) -> Answer:
        pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}"
        if authorization != f"Basic {base64.b64encode(pair.encode()).decode()}":
            return json_answer({"error": "invalid_client"}, status=401)
        asked = self.redeem(form)
        if asked is None:
            return json_answer({"error": "invalid_grant"}, status=400)
        access_token = secrets.token_urlsafe(24)
        id_token = self.id_token(asked, access_token)
        pair_of_tokens = {"access_token": access_token, "id_token": id_token}
        return json_answer({**pair_of_tokens, "token_type": "Bearer", **self.tokens})

    def github_token(self, form: Mapping[str, str]) -> Answer:
        known = (form["client_id"], form["client_secret"]) == (CLIENT_ID, GITHUB_SECRET)
        if not known or self.redeem(form) is None:
            # As GitHub does: an error is a 200.
            return json_answer({"error": "bad_verification_code"})
        return json_answer({"access_token": "gho_token", "token_type": "bearer", **self.tokens})

    def github_user(self, authorization: str) -> Answer:
        if authorization != "Bearer gho_token":
            return json_answer({"message": "Bad credentials"}, status=401)
        return json_answer({"id": 583231, "login": "ada-l", **self.metadata})

    def github_emails(self) -> Answer:
        usual = [
            {"email": "other@example.com", "primary": False, "verified": True},
            {"email": "ada@example.com", "primary": True, "verified": True},
        ]
        return json_answer(usual if self.emails is None else self.emails)

    def answer(self, asked: "Asked") -> Answer:
        routes: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/.well-known/openid-configuration"): lambda: json_answer(self.document()),
            ("GET", "/jwks"): lambda: json_answer(self.jwks()),
            ("GET", "/authorize"): lambda: self.authorize(asked.query, iss=self.url),
            ("POST", "/token"): lambda: self.token(asked.form, asked.authorization),
            ("GET", "/userinfo"): lambda: json_answer(self.userinfo or self.user),
            ("GET", "/github/authorize"): lambda: self.authorize(asked.query),
            ("POST", "/github/token"): lambda: self.github_token(asked.form),
            ("GET", "/github/user"): lambda: self.github_user(asked.authorization),
            ("GET", "/github/emails"): self.github_emails,
        }
        route = routes.get((asked.method, asked.path))
        return route() if route else json_answer({}, status=404)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    method: str
    target: str
    body: bytes
    authorization: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


def json_answer(content: Any, *, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


class Handler(BaseHTTPRequestHandler):
    """Serves the provider of its server."""

    @property
    def provider(self) -> Provider:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        return provider

    def do_GET(self) -> None:
        self.serve(b"")

    def do_POST(self) -> None:
        self.serve(self.rfile.read(int(self.headers["Content-Length"])))

    def serve(self, body: bytes) -> None:
        authorization = self.headers.get("Authorization", "")
        asked = Asked(method=self.command, target=self.path, body=body, authorization=authorization)
        self.provider.seen.append(asked.path)
        match self.provider.faults.get(asked.path):
            case None:
                self.send(self.provider.answer(asked))
            case "drip":
                self.drip()
            case "silence":
                self.provider.released.wait(30)
            case fault:
                self.send(FAULTS[fault])

    def send(self, answer: Answer) -> None:
        status, headers, content = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def drip(self) -> None:
        """Send a byte now and then, and never end."""
        self.send_response(200)
        self.end_headers()
        while not self.provider.released.wait(0.05):
            self.wfile.write(b" ")

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the client had enough

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name
        """Say nothing."""


FAULTS: Mapping[str, Answer] = {
    "500": json_answer({}, status=500),
    "404": json_answer({}, status=404),
    "redirect": (302, {"Location": "/stolen"}, b""),
    "huge": (200, {}, b"[" + b"0," * 1_000_000 + b"0]"),
    "text": (200, {}, b"<html>"),
    "packed": (200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 5_000_000 + b"{}")),
    "deep": (200, {}, b"[" * 100_000),
    "list": json_answer([]),
    "null": json_answer(None),
}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider on a free port of loopback."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.provider = provider  # type: ignore[attr-defined]
    provider.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        provider.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def fragment_of(location: str) -> dict[str, str]:
    """Return what an application is told behind the # of its page."""
    return {name: each for name, (each,) in parse_qs(urlsplit(location).fragment).items()}
