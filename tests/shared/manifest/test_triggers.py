"""A path that API Gateway would refuse is refused where it is written."""

import pytest

from shared.manifest.triggers import Http


class TestPath:
    @pytest.mark.parametrize(
        ("path", "prefix"),
        [
            ("/health", None),
            ("/v1/openapi.json", None),
            ("/.well-known/jwks.json", None),
            ("/v1/webapp/{proxy+}", "/v1/webapp"),
            ("/{proxy+}", ""),
        ],
    )
    def test_an_exact_or_a_greedy_path_is_one(self, path: str, prefix: str | None) -> None:
        assert Http(path).prefix == prefix

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "health",
            "/health/",
            "//health",
            "/v1/{proxy+}/items",
            "/v1/{proxy}",
            "/v1/items?x=1",
            "/v1/it ems",
            "/v1/é",
            "/v1/items\n",
        ],
    )
    def test_anything_else_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="not a REST API path"):
            Http(path)

    @pytest.mark.parametrize("path", ["/ping", "/sping"])
    def test_the_gateways_own_are_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="keeps for itself"):
            Http(path)
