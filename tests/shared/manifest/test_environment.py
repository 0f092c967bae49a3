"""Which variables a function gets follows from its triggers and needs."""

import pytest

from shared.manifest.environment import BY_NEED, COMMON, variables_of
from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http, Invoke


class TestVariables:
    def test_every_function_gets_the_first_three(self) -> None:
        names = variables_of(Function(name="f", triggers=(Invoke(),)))
        assert names == set(COMMON) == {"ENVIRONMENT", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}

    def test_one_behind_the_api_is_told_whom_it_serves(self) -> None:
        names = variables_of(Function(name="f", triggers=(Http("/health"),)))
        assert names - set(COMMON) == {"CORS_ORIGINS", "TRUSTED_HOSTS"}

    @pytest.mark.parametrize(
        ("need", "variable"),
        [
            (Need.DATABASE, "DATABASE_URL"),
            (Need.CACHE, "REDIS_URL"),
            (Need.SIGNING_KEY, "SIGNING_SECRET_ID"),
        ],
    )
    def test_a_need_brings_its_own(self, need: Need, variable: str) -> None:
        function = Function(name="f", triggers=(Invoke(),), needs=frozenset({need}))
        assert variables_of(function) - set(COMMON) == {variable}

    def test_no_need_is_forgotten(self) -> None:
        assert set(BY_NEED) == set(Need)
