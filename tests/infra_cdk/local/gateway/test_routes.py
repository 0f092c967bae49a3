"""Which function a path belongs to."""

import pytest

from infra_cdk.local.gateway.routes import Route, Routes
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Http


def registered(name: str, *paths: str) -> Registered:
    return Registered(
        spec=Function(name=name, triggers=tuple(map(Http, paths))), package=f"functions.{name}"
    )


ROUTES = Routes(
    [
        registered("webapp", "/v1/webapp/{proxy+}", "/v1/{proxy+}"),
        registered("docs", "/docs", "/docs/{proxy+}", "/v1/openapi.json"),
    ]
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/docs", Route(function="docs", path="/docs", proxy=None)),
        ("/docs/a.css", Route(function="docs", path="/docs/{proxy+}", proxy="a.css")),
        ("/v1/openapi.json", Route(function="docs", path="/v1/openapi.json", proxy=None)),
        ("/v1/webapp/a/b", Route(function="webapp", path="/v1/webapp/{proxy+}", proxy="a/b")),
        ("/v1/web%61pp/a", Route(function="webapp", path="/v1/webapp/{proxy+}", proxy="a")),
        ("/v1/webapp/a%2Fb", Route(function="webapp", path="/v1/webapp/{proxy+}", proxy="a/b")),
        ("/v1/other", Route(function="webapp", path="/v1/{proxy+}", proxy="other")),
    ],
)
def test_the_most_exact_resource_is_chosen(path: str, expected: Route) -> None:
    assert ROUTES.find(path) == expected


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/partner/items", True),
        ("/partner", True),
        ("/partner/open/items", False),
        ("/other/items", False),
    ],
)
def test_a_key_is_wanted_where_the_trigger_says_so(path: str, *, wanted: bool) -> None:
    triggers = (
        Http("/partner/{proxy+}", api_key=True),
        Http("/partner", api_key=True),
        Http("/partner/open/{proxy+}"),
        Http("/other/{proxy+}"),
    )
    spec = Function(name="partner", triggers=triggers)
    routes = Routes([Registered(spec=spec, package="functions.partner")])
    found = routes.find(path)
    assert found
    assert found.api_key is wanted
    assert routes.want_keys
    assert not ROUTES.want_keys


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/", "/docs/", "/docsx", "/docs%2Fa.css", "*", "/v10/webapp/a"]
)
def test_no_resource_is_made_up(path: str) -> None:
    assert ROUTES.find(path) is None
