"""Webhooks go to this machine on this machine only, and to the ports that are listed."""

import pytest
from pydantic import ValidationError

from shared.config import webhooks
from shared.config.runtime import Environment, RuntimeSettings
from shared.config.webhooks import WebhookSettings


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK_ALLOW_LOOPBACK", "WEBHOOK_PORTS"):
        monkeypatch.delenv(name, raising=False)


def test_without_the_variables_only_the_internet_and_its_ports_are_called() -> None:
    settings = WebhookSettings()
    assert not settings.webhook_allow_loopback
    assert settings.webhook_ports == {443, 8443}


@pytest.mark.parametrize(("text", "ports"), [("443", {443}), (" 443, 9443 ", {443, 9443})])
def test_ports_are_listed(text: str, ports: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_PORTS", text)
    assert WebhookSettings().webhook_ports == ports


@pytest.mark.parametrize("text", ["", ",", "0", "65536", "-1", "https", "443;444"])
def test_what_is_no_list_of_ports_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_PORTS", text)
    with pytest.raises(ValidationError, match="webhook_ports"):
        WebhookSettings()


def test_one_may_call_ones_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_LOOPBACK", "true")
    assert WebhookSettings().webhook_allow_loopback


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_nobody_may_call_a_function_s_own_machine(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_LOOPBACK", "true")
    runtime = RuntimeSettings(environment=environment)
    monkeypatch.setattr(webhooks, "runtime_settings", lambda: runtime)
    with pytest.raises(ValidationError, match="one's own machine only"):
        WebhookSettings()
