"""Which variables a function gets follows from its triggers and needs."""

import pytest

from shared.manifest.environment import BY_NEED, COMMON, variables_of
from shared.manifest.function import Function, Need
from shared.manifest.triggers import (
    DeadLetters,
    Http,
    Invoke,
    Queue,
    Schedule,
    Subscribes,
    Trigger,
)


class TestVariables:
    def test_every_function_gets_the_first_three(self) -> None:
        names = variables_of(Function(name="f", triggers=(Invoke(),)))
        assert names == set(COMMON) == {"ENVIRONMENT", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}

    def test_one_behind_the_api_is_told_whom_it_serves(self) -> None:
        names = variables_of(Function(name="f", triggers=(Http("/health"),)))
        assert names - set(COMMON) == {"CORS_ORIGINS", "PUBLIC_URL", "TRUSTED_HOSTS"}

    def test_the_one_for_dead_letters_is_told_what_stands_before_a_queues_name(self) -> None:
        names = variables_of(Function(name="f", triggers=(DeadLetters(),)))
        assert names - set(COMMON) == {"QUEUE_PREFIX"}

    @pytest.mark.parametrize(
        "trigger", [Queue("some"), Subscribes(("tasks.task_queued",)), Schedule("rate(1 hour)")]
    )
    def test_what_else_starts_a_function_brings_none(self, trigger: Trigger) -> None:
        assert variables_of(Function(name="f", triggers=(trigger,))) == set(COMMON)

    @pytest.mark.parametrize(
        ("need", "variables"),
        [
            (Need.DATABASE, {"DATABASE_URL"}),
            (Need.CACHE, {"REDIS_URL"}),
            (Need.SIGNING_KEY, {"SIGNING_SECRET_ID"}),
            (Need.SIGNING_KEY_ROTATION, {"SIGNING_SECRET_ID"}),
            (Need.VAULT, {"VAULT_SECRET_ID"}),
            (Need.OPENID_PROVIDERS, {"OPENID_PROVIDERS"}),
            (Need.PASSKEYS, {"WEBAUTHN_RP_ID"}),
            (Need.GATEWAY_KEYS, {"GATEWAY_PREFIX"}),
            (Need.OUTBOX, {"OUTBOX_QUEUE_URL"}),
            (Need.WEBHOOKS, {"PUBLIC_URL", "WEBHOOK_QUEUE_URL"}),
            (Need.EVENT_BUS, {"EVENT_BUS_NAME"}),
            (Need.FILES, {"FILES_BUCKET"}),
            (Need.MAIL, {"MAIL_FROM"}),
            (Need.QUEUES, {"QUEUE_PREFIX", "QUEUES"}),
        ],
    )
    def test_a_need_brings_its_own(self, need: Need, variables: set[str]) -> None:
        function = Function(name="f", triggers=(Invoke(),), needs=frozenset({need}))
        assert variables_of(function) - set(COMMON) == variables

    def test_several_bring_all_of_theirs(self) -> None:
        function = Function(
            name="f",
            triggers=(Http("/health"), Invoke()),
            needs=frozenset({Need.DATABASE, Need.MAIL}),
        )
        assert variables_of(function) - set(COMMON) == {
            "CORS_ORIGINS",
            "DATABASE_URL",
            "MAIL_FROM",
            "PUBLIC_URL",
            "TRUSTED_HOSTS",
        }

    def test_no_need_is_forgotten(self) -> None:
        assert set(BY_NEED) == set(Need)
