"""The cache is reached over TLS, is of a supported kind, and cannot run up a bill."""

import re

from tests.infra_cdk.templates import Template, deployed, spell, the_only

CACHE = "AWS::ElastiCache::ServerlessCache"


class TestCache:
    def test_it_is_valkey(self, template: Template) -> None:
        properties = the_only(template, CACHE)
        assert (properties["Engine"], properties["MajorEngineVersion"]) == ("valkey", "8")

    def test_its_name_is_one_that_elasticache_takes(self, production: Template) -> None:
        name = the_only(production, CACHE)["ServerlessCacheName"]
        assert re.fullmatch(r"[a-z](?:-?[a-z0-9])*", name)
        assert len(name) <= 40

    def test_its_size_and_work_are_bounded(self, template: Template) -> None:
        limits = the_only(template, CACHE)["CacheUsageLimits"]
        assert limits["DataStorage"] == {"Maximum": 2, "Unit": "GB"}
        assert limits["ECPUPerSecond"] == {"Maximum": 10_000}

    def test_functions_are_told_to_use_tls(self, template: Template) -> None:
        function = deployed(template)["functions.api.infrastructure.handler.handler"]
        url = function["Properties"]["Environment"]["Variables"]["REDIS_URL"]
        assert spell(template, url) == (
            "rediss://{Cache/Cache.Endpoint.Address}:{Cache/Cache.Endpoint.Port}"
        )
