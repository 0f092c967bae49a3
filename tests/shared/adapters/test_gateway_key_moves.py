"""A key whose value nobody knows any more can still be put on another plan."""

import pytest

from shared.adapters import gateway_keys
from shared.adapters.gateway_keys import GatewayPlanMissingError
from tests.gateway_fixtures import ApiGateway

pytestmark = pytest.mark.anyio


def value_of(gateway: ApiGateway) -> str:
    return gateway.prefix.ljust(40, "v")


class TestMoveKey:
    async def test_a_key_changes_its_plan(self, api_gateway: ApiGateway) -> None:
        id_ = await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        await gateway_keys.move_key("k1", plan="pro")
        assert api_gateway.plans_of(id_) == ["pro"]
        (key,) = api_gateway.all_keys()
        assert (key["id"], key["value"]) == (id_, value_of(api_gateway))

    async def test_a_key_that_is_there_already_stays(self, api_gateway: ApiGateway) -> None:
        id_ = await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        await gateway_keys.move_key("k1", plan="free")
        assert api_gateway.plans_of(id_) == ["free"]

    async def test_a_disabled_key_on_no_plan_works_again(self, api_gateway: ApiGateway) -> None:
        id_ = api_gateway.make_key("k1", value=value_of(api_gateway), enabled=False)
        await gateway_keys.move_key("k1", plan="free")
        assert api_gateway.plans_of(id_) == ["free"]
        assert [key["enabled"] for key in api_gateway.all_keys()] == [True]

    async def test_a_key_whose_name_begins_alike_stays_where_it_is(
        self, api_gateway: ApiGateway
    ) -> None:
        id_ = await gateway_keys.put_key("k11", value=value_of(api_gateway), plan="free")
        await gateway_keys.move_key("k1", plan="pro")
        assert api_gateway.plans_of(id_) == ["free"]

    async def test_a_plan_that_is_not_there_is_said(self, api_gateway: ApiGateway) -> None:
        with pytest.raises(GatewayPlanMissingError):
            await gateway_keys.move_key("k1", plan="nothing")
