"""A real OpenID provider on loopback, with keys of its own, and GitHub's likeness: both can misbehave.

It checks what providers check: the client's secret, the redirect address, PKCE, and that a code works once.
"""

import base64
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
    emails: Any = None
    """What GitHub's list of addresses is instead."""
    faults: dict[str, str] = field(default_factory=dict)
    """What goes wrong, by path: `500`, `redirect`, `huge`, `text`, `deep`, `silence`, `drip`."""
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

    def authorize(self, asked: dict[str, str]) -> Answer:
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.url}
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

    def answer(self, method: str, target: str, body: bytes, authorization: str) -> Answer:
        path, _, query = target.partition("?")
        asked, form = dict(parse_qsl(query)), dict(parse_qsl(body.decode()))
        match method, path:
            case "GET", "/.well-known/openid-configuration":
                return json_answer(self.document())
            case "GET", "/jwks":
                return json_answer(self.jwks())
            case "GET", "/authorize" | "/github/authorize":
                return self.authorize(asked)
            case "POST", "/token":
                return self.token(form, authorization)
            case "GET", "/userinfo":
                return json_answer(self.user)
            case "POST", "/github/token":
                return self.github_token(form)
            case "GET", "/github/user":
                return self.github_user(authorization)
            case "GET", "/github/emails":
                return self.github_emails()
            case _:
                return json_answer({}, status=404)


def json_answer(content: Any, *, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider on a free port of loopback."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.serve(b"")

        def do_POST(self) -> None:
            self.serve(self.rfile.read(int(self.headers["Content-Length"])))

        def serve(self, body: bytes) -> None:
            path = urlsplit(self.path).path
            provider.seen.append(path)
            if fault := provider.faults.get(path):
                self.fail(fault)
                return
            authorization = self.headers.get("Authorization", "")
            self.send(provider.answer(self.command, self.path, body, authorization))

        def send(self, answer: Answer) -> None:
            status, headers, content = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def fail(self, fault: str) -> None:
            match fault:
                case "500":
                    self.send(json_answer({}, status=500))
                case "redirect":
                    self.send((302, {"Location": f"{provider.url}/stolen"}, b""))
                case "huge":
                    self.send((200, {}, b"[" + b"0," * 1_000_000 + b"0]"))
                case "text":
                    self.send((200, {}, b"<html>"))
                case "deep":
                    self.send((200, {}, b"[" * 100_000))
                case "drip":
                    self.send_response(200)
                    self.end_headers()
                    while not provider.released.wait(0.05):
                        self.wfile.write(b" ")
                case _:
                    provider.released.wait(30)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # the client had enough

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
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
