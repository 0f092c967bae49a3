"""The prebuilt files of this function, as answers that a browser may keep."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_HERE = Path(__file__).parent
ASSETS = _HERE / "assets"
"""What the pages load, and the pages: made by `infra_cdk/docs_assets.py`."""

DOCUMENTS = _HERE / "openapi"
"""The OpenAPI documents: made by `infra_cdk/openapi.py`."""

# Text only: the REST API would pass binary content on in base64.
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}

_REVALIDATE = "no-cache"
# A year, the longest that RFC 9111's readers expect: another content has another name.
_KEEP = "public, max-age=31536000, immutable"


def answer_asset(request: Request, *, name: str) -> Response | None:
    """Return the asset of this name, None where there is none."""
    media_type = _MEDIA_TYPES.get(Path(name).suffix)
    path = {path.name: path for path in ASSETS.iterdir()}.get(name)
    if path is None or media_type is None:
        return None
    return _answer(request, path=path, media_type=media_type, headers={"Cache-Control": _KEEP})


def answer_page(request: Request, *, name: str, policy: str) -> Response:
    """Return a page under its content security policy."""
    headers = {"Cache-Control": _REVALIDATE, "Content-Security-Policy": policy}
    return _answer(request, path=ASSETS / name, media_type="text/html", headers=headers)


def answer_document(request: Request, *, name: str) -> Response:
    """Return an OpenAPI document."""
    headers = {"Cache-Control": _REVALIDATE}
    return _answer(request, path=DOCUMENTS / name, media_type="application/json", headers=headers)


def _answer(
    request: Request, *, path: Path, media_type: str, headers: Mapping[str, str]
) -> Response:
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    tagged = {**headers, "ETag": etag}
    if _is_known(request.headers.get("If-None-Match", ""), etag=etag):
        return Response(status_code=304, headers=tagged)
    return Response(content, media_type=media_type, headers=tagged)


def _is_known(if_none_match: str, *, etag: str) -> bool:
    """Tell whether the client has this content already (RFC 9110, section 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return bool(known & {etag, "*"})
