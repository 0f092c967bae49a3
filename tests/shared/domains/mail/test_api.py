"""A mail is asked for in the transaction that it tells of."""

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate

pytestmark = pytest.mark.anyio


async def ask(values: dict[str, str], *, then: type[Exception] | None = None) -> None:
    async with unit_of_work() as session:
        await mail.request(
            session,
            to="ada@example.com",
            template=MailTemplate.WELCOME,
            locale="en",
            values=values,
        )
        if then:
            raise then


async def asked_for() -> list[OutboxRow]:
    async with autocommit() as session:
        return list(await session.scalars(select(OutboxRow)))


class TestRequest:
    async def test_the_event_holds_what_the_mail_needs(self, migrated_database_url: str) -> None:
        await ask({"username": "ada"})
        (row,) = await asked_for()
        assert (row.type, row.aggregate) == ("mail.mail_requested", "mail:ada@example.com")
        assert row.data == {
            "to": "ada@example.com",
            "template": "welcome",
            "locale": "en",
            "values": {"username": "ada"},
        }

    @pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
    async def test_what_did_not_happen_is_not_told_of(self, migrated_database_url: str) -> None:
        with pytest.raises(LookupError):
            await ask({"username": "ada"}, then=LookupError)
        assert await asked_for() == []

    @pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
    async def test_a_mail_that_could_not_be_written_is_not_asked_for(
        self, migrated_database_url: str
    ) -> None:
        with pytest.raises(ValidationError):
            await ask({})
        assert await asked_for() == []
