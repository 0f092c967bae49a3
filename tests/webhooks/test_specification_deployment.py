"""What docs/webhooks-specification.md says of where the worker stands."""

from functions.queues.webhook_delivery.spec import SPEC
from shared.manifest.function import Need
from tests.infra_cdk.templates import Template, deployed

WORKER = "functions.queues.webhook_delivery.handler.handler"
PLACED = "functions.api.webapp.handler.handler"


def test_the_worker_stands_outside_the_network_and_so_has_no_address_of_its_own(
    template: Template,
) -> None:
    functions = deployed(template)
    assert "VpcConfig" in functions[PLACED]["Properties"]
    assert "VpcConfig" not in functions[WORKER]["Properties"]
    assert Need.CACHE not in SPEC.needs
