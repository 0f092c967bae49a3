"""The docs function as API Gateway calls it: a REST proxy event in, a proxy answer out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from functions.api.docs import files
from functions.api.docs.handler import handler

PAGES = ("/docs", "/redoc", "/portal")
DOCUMENTS = {
    "/openapi.json": "openapi.json",
    "/v1/openapi.json": "v1.json",
    "/v2/openapi.json": "v2.json",
}
LARGEST_LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    in_base64: bool


def call(path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    sent = {"Host": "127.0.0.1", **(headers or {})}
    event: dict[str, Any] = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"identity": {"sourceIp": "127.0.0.1"}, "stage": "live"},
        "body": None,
        "isBase64Encoded": False,
    }
    answer = handler(event, SimpleNamespace(aws_request_id="1"))
    return Answer(
        answer["statusCode"], answer["headers"], answer["body"], answer["isBase64Encoded"]
    )


def assets() -> list[str]:
    """Return the paths of what the pages load, and of the licences."""
    names = sorted(path.name for path in files.ASSETS.iterdir() if path.suffix != ".html")
    return [f"/{page}/{name}" for page in ("docs", "portal") for name in names]


def directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: sources for name, *sources in parts}


class TestPages:
    @pytest.mark.parametrize("path", PAGES)
    def test_a_page_is_html_that_a_browser_asks_for_anew(self, path: str) -> None:
        answer = call(path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.body.startswith("<!doctype html>")

    @pytest.mark.parametrize("path", PAGES)
    def test_a_page_may_load_and_call_its_own_host_only(self, path: str) -> None:
        policy = directives(call(path).headers["content-security-policy"])
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["connect-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        assert not any("//" in source for sources in policy.values() for source in sources)

    @pytest.mark.parametrize("path", ["/docs", "/portal"])
    def test_a_page_that_holds_a_token_has_no_style_in_line(self, path: str) -> None:
        policy = directives(call(path).headers["content-security-policy"])
        assert policy["style-src"] == ["'self'"]

    def test_the_portal_shows_what_strangers_sent_and_makes_no_markup_of_any_text(self) -> None:
        policy = directives(call("/portal").headers["content-security-policy"])
        assert policy["require-trusted-types-for"] == ["'script'"]
        assert policy["trusted-types"] == ["'none'"]
        assert policy["img-src"] == ["'self'"]

    @pytest.mark.parametrize("path", PAGES)
    def test_its_addresses_are_relative_so_that_it_works_below_a_stage(self, path: str) -> None:
        body = call(path).body
        assert f'href="{path.removeprefix("/")}/' in body or 'href="docs/' in body
        assert not any(start in body for start in ('href="/', 'src="/', "://"))

    def test_an_open_page_is_answered_with_the_other_security_headers_too(self) -> None:
        headers = call("/docs").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"]
        assert headers["x-request-id"]


class TestAssets:
    @pytest.mark.parametrize("path", assets())
    def test_an_asset_is_text_for_the_gateway_and_kept_by_the_browser(self, path: str) -> None:
        answer = call(path)
        assert answer.status == 200
        assert answer.in_base64 is False
        assert len(json.dumps(answer.body)) < LARGEST_LAMBDA_ANSWER_BYTES
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (
            answer.headers["content-type"]
            == {
                "js": "text/javascript; charset=utf-8",
                "css": "text/css; charset=utf-8",
                "svg": "image/svg+xml",
                "txt": "text/plain; charset=utf-8",
            }[path.rpartition(".")[2]]
        )

    @pytest.mark.parametrize(
        "name",
        [
            "missing.js",
            "docs.html",
            "..",
            "../handler.py",
            "..%2Fhandler.py",
            ".",
            "a\0.js",
            "\ud800.js",
            "a" * 5000 + ".js",
        ],
    )
    def test_any_other_name_is_a_404_problem(self, name: str) -> None:
        answer = call(f"/docs/{name}")
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert json.loads(answer.body)["code"] == "not_found"


class TestDocuments:
    @pytest.mark.parametrize(("path", "name"), DOCUMENTS.items())
    def test_a_document_is_the_committed_file(self, path: str, name: str) -> None:
        answer = call(path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.body == (files.DOCUMENTS / name).read_text()

    def test_head_is_answered_as_get(self) -> None:
        head, get = (call("/openapi.json", method=method) for method in ("HEAD", "GET"))
        assert head.status == 200
        assert head.headers["etag"] == get.headers["etag"]

    def test_there_is_a_document_for_each_version(self) -> None:
        from shared.web.versioning import VERSIONS

        served = {path for path in DOCUMENTS if path.count("/") > 1}
        assert served == {f"/{version.name}/openapi.json" for version in VERSIONS}


class TestConditions:
    @pytest.mark.parametrize("path", [*PAGES, *DOCUMENTS])
    def test_what_the_browser_has_already_is_not_sent_again(self, path: str) -> None:
        first = call(path)
        again = call(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        assert (again.status, again.body) == (304, "")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == first.headers["cache-control"]

    def test_what_has_changed_is_sent(self) -> None:
        assert call("/openapi.json", headers={"If-None-Match": '"other"'}).status == 200

    def test_no_two_files_share_a_tag(self) -> None:
        tags = [call(path).headers["etag"] for path in (*PAGES, *DOCUMENTS)]
        assert len(set(tags)) == len(tags)


class TestRefusals:
    @pytest.mark.parametrize("path", ["/docs", "/portal", "/openapi.json", "/portal/missing.js"])
    def test_another_method_is_a_405_problem_that_names_those_there_are(self, path: str) -> None:
        answer = call(path, method="POST")
        assert answer.status == 405
        assert {*answer.headers["allow"].split(", ")} == {"GET", "HEAD"}
        assert json.loads(answer.body)["code"] == "method_not_allowed"

    @pytest.mark.parametrize("path", ["/docs/", "/portal/", "/openapi.json/", "/v3/openapi.json"])
    def test_another_path_is_a_404_problem_and_no_redirect(self, path: str) -> None:
        assert call(path).status == 404
