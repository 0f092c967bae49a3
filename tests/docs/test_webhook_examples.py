"""The files of docs/examples/webhooks, as they are copied: both languages keep to the same cases."""

import base64
import hmac
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from webhook_verification import Inbox, UnverifiedError, Webhook, WebhookVerifier

from shared.core.webhook_signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Signer,
    public_key_of,
)
from tests.node_fixtures import NODE, ROOT, Node
from tests.webhook_keys import OTHER_PRIVATE, OTHER_SECRET, PRIVATE, SECRET

EXAMPLES = ROOT / "docs" / "examples" / "webhooks"

AT = datetime(2026, 1, 6, 10, tzinfo=UTC)
PUBLIC, OTHER_PUBLIC = public_key_of(PRIVATE), public_key_of(OTHER_PRIVATE)
MESSAGE = "0199f7f0-7e1c-7a53-9d0c-3f0a1b2c3d4e"
PAYLOAD = {"type": "item.created", "data": {"name": "Löwe", "price": "1.50"}}
BODY = json.dumps(PAYLOAD, ensure_ascii=False).encode()


class Verifies(Protocol):
    """An example's verifier at a moment. Raises UnverifiedError, or ValueError for a malformed key."""

    def __call__(
        self,
        *keys: str,
        headers: Mapping[str, str],
        body: bytes = BODY,
        at: datetime = AT,
        tolerance_s: int = 300,
    ) -> Webhook: ...


def by_python(
    *keys: str,
    headers: Mapping[str, str],
    body: bytes = BODY,
    at: datetime = AT,
    tolerance_s: int = 300,
) -> Webhook:
    verifier = WebhookVerifier(keys, tolerance_s=tolerance_s, now=at.timestamp)
    return verifier.verify(headers, body)


def by_node(node: Node) -> Verifies:
    def verify(
        *keys: str,
        headers: Mapping[str, str],
        body: bytes = BODY,
        at: datetime = AT,
        tolerance_s: int = 300,
    ) -> Webhook:
        answer = node.ask(
            "verify",
            keys=keys,
            headers=dict(headers),
            body=base64.b64encode(body).decode(),
            now=at.timestamp(),
            tolerance_s=tolerance_s,
        )
        if "error" not in answer:
            return Webhook(**answer)
        raised = UnverifiedError if answer["error"] == "UnverifiedError" else ValueError
        raise raised(answer["message"])

    return verify


@pytest.fixture(params=["python", "typescript"])
def verify(request: pytest.FixtureRequest) -> Verifies:
    return by_python if request.param == "python" else by_node(request.getfixturevalue("node"))


def signed(*keys: str, body: bytes = BODY, message_id: str = MESSAGE) -> dict[str, str]:
    return Signer.of(*keys).sign(message_id, at=AT, body=body)


class TestVerify:
    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    def test_what_was_signed_is_told(self, verify: Verifies, key: str) -> None:
        webhook = verify(key, headers=signed(SECRET, PRIVATE))
        assert webhook == Webhook(id=MESSAGE, timestamp=int(AT.timestamp()), payload=PAYLOAD)

    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    @pytest.mark.parametrize(
        "body", [BODY + b"\n", BODY[:-1], BODY.replace(b"1.50", b"9.50"), b"", b"{}"]
    )
    def test_another_body_is_refused(self, verify: Verifies, key: str, body: bytes) -> None:
        with pytest.raises(UnverifiedError, match="signature"):
            verify(key, headers=signed(SECRET, PRIVATE), body=body)

    def test_a_body_that_was_parsed_and_written_anew_is_refused(self, verify: Verifies) -> None:
        anew = json.dumps(json.loads(BODY)).encode()
        assert json.loads(anew) == json.loads(BODY)
        with pytest.raises(UnverifiedError):
            verify(SECRET, headers=signed(SECRET), body=anew)

    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    @pytest.mark.parametrize(
        ("header", "value"), [(ID_HEADER, "another"), (TIMESTAMP_HEADER, "1767693601")]
    )
    def test_another_id_or_time_is_refused(
        self, verify: Verifies, key: str, header: str, value: str
    ) -> None:
        with pytest.raises(UnverifiedError, match="signature"):
            verify(key, headers=signed(SECRET, PRIVATE) | {header: value})

    @pytest.mark.parametrize("key", [OTHER_SECRET, OTHER_PUBLIC])
    def test_another_key_is_refused(self, verify: Verifies, key: str) -> None:
        with pytest.raises(UnverifiedError):
            verify(key, headers=signed(SECRET, PRIVATE))

    @pytest.mark.parametrize(
        "keys", [(SECRET,), (OTHER_SECRET,), (PUBLIC,), (OTHER_PUBLIC,), (OTHER_PUBLIC, SECRET)]
    )
    def test_one_signature_of_several_is_enough(
        self, verify: Verifies, keys: tuple[str, ...]
    ) -> None:
        headers = signed(SECRET, OTHER_SECRET, PRIVATE, OTHER_PRIVATE)
        assert verify(*keys, headers=headers).id == MESSAGE

    @pytest.mark.parametrize("sent_by", [SECRET, OTHER_SECRET, PRIVATE])
    def test_one_key_of_several_is_enough(self, verify: Verifies, sent_by: str) -> None:
        assert verify(OTHER_SECRET, PUBLIC, SECRET, headers=signed(sent_by)).id == MESSAGE

    @pytest.mark.parametrize("late_s", [-300, -299, 0, 299, 300])
    def test_five_minutes_are_tolerated(self, verify: Verifies, late_s: int) -> None:
        at = AT + timedelta(seconds=late_s)
        assert verify(SECRET, headers=signed(SECRET), at=at).id == MESSAGE

    @pytest.mark.parametrize("late_s", [-86_400, -301, 301, 86_400])
    def test_more_is_refused(self, verify: Verifies, late_s: int) -> None:
        with pytest.raises(UnverifiedError, match="far from the present"):
            verify(SECRET, headers=signed(SECRET), at=AT + timedelta(seconds=late_s))

    def test_the_tolerance_may_be_another(self, verify: Verifies) -> None:
        late = AT + timedelta(seconds=400)
        assert verify(SECRET, headers=signed(SECRET), at=late, tolerance_s=600).id == MESSAGE
        with pytest.raises(UnverifiedError):
            verify(SECRET, headers=signed(SECRET), at=late, tolerance_s=60)

    @pytest.mark.parametrize("noise", ["v2,AAAA", "v1", "v1,", "v1a,AAAA", "v1,%%%", "", ","])
    def test_what_is_unknown_or_malformed_is_passed_over(
        self, verify: Verifies, noise: str
    ) -> None:
        headers = signed(SECRET, PRIVATE)
        mixed = headers | {SIGNATURE_HEADER: f"{noise} {headers[SIGNATURE_HEADER]}"}
        for key in (SECRET, PUBLIC):
            assert verify(key, headers=mixed).id == MESSAGE
            with pytest.raises(UnverifiedError):
                verify(key, headers=headers | {SIGNATURE_HEADER: noise})

    def test_a_signature_counts_for_its_own_scheme_only(self, verify: Verifies) -> None:
        v1, v1a = signed(SECRET, PRIVATE)[SIGNATURE_HEADER].split(" ")
        swapped = f"v1a,{v1.partition(',')[2]} v1,{v1a.partition(',')[2]}"
        with pytest.raises(UnverifiedError):
            verify(SECRET, PUBLIC, headers=signed(SECRET) | {SIGNATURE_HEADER: swapped})

    @pytest.mark.parametrize("missing", [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER])
    def test_each_header_is_needed(self, verify: Verifies, missing: str) -> None:
        headers = signed(SECRET)
        del headers[missing]
        with pytest.raises(UnverifiedError):
            verify(SECRET, headers=headers)

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            (TIMESTAMP_HEADER, "1767693600.0"),
            (TIMESTAMP_HEADER, " 1767693600"),
            (TIMESTAMP_HEADER, "0x69"),
            (TIMESTAMP_HEADER, "NaN"),
            (ID_HEADER, f"{MESSAGE}.1767693600"),
            (ID_HEADER, "a b"),
            (ID_HEADER, "a" * 256),
            (ID_HEADER, "a\n"),
        ],
    )
    def test_a_malformed_id_or_time_is_refused(
        self, verify: Verifies, header: str, value: str
    ) -> None:
        with pytest.raises(UnverifiedError, match="malformed"):
            verify(SECRET, headers=signed(SECRET) | {header: value})

    @pytest.mark.parametrize(
        "key",
        [
            *("", "whsec_", "whpk_", SECRET[6:], SECRET.rstrip("="), "whpk_AAAA", PRIVATE),
            *("whsec_%%%=", "whsec_" + "A" * 33 + "B==", "whsec_" + "A" * 34 + "_="),
        ],
    )
    def test_a_malformed_key_is_no_key(self, verify: Verifies, key: str) -> None:
        with pytest.raises(ValueError, match=r".") as raised:
            verify(key, headers=signed(SECRET))
        assert SECRET[6:20] not in str(raised.value)
        assert PRIVATE[5:20] not in str(raised.value)

    def test_pythons_reads_names_of_headers_in_any_case(self) -> None:
        """Of those of node:http, and of Headers, the names are in small letters."""
        headers = {name.title(): value for name, value in signed(SECRET).items()}
        assert by_python(SECRET, headers=headers).id == MESSAGE

    def test_without_a_key_nothing_is_verified(self, verify: Verifies) -> None:
        with pytest.raises(ValueError, match="without a key"):
            verify(headers=signed(SECRET))

    def test_a_body_is_read_only_once_it_is_verified(self, verify: Verifies) -> None:
        with pytest.raises(UnverifiedError):
            verify(SECRET, headers=signed(OTHER_SECRET, body=b"{"), body=b"{")

    def test_digests_are_compared_in_constant_time(
        self, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[int] = []

        def watched(first: bytes, second: bytes) -> bool:
            compared.append(len(second))
            return first == second

        headers = signed(OTHER_SECRET, SECRET)
        monkeypatch.setattr(hmac, "compare_digest", watched)
        by_python(SECRET, headers=headers)
        body = base64.b64encode(BODY).decode()
        asked = {"keys": [SECRET], "headers": headers, "body": body, "now": AT.timestamp()}
        assert node.ask("comparisons", **asked) == compared == [32, 32]

    def test_the_headers_of_a_fetch_request_are_read_too(self, node: Node) -> None:
        body = base64.b64encode(BODY).decode()
        asked = {"keys": [SECRET], "body": body, "now": AT.timestamp(), "as": "Headers"}
        assert node.ask("verify", headers=signed(SECRET), **asked)["id"] == MESSAGE
        assert "error" in node.ask("verify", headers=signed(OTHER_SECRET), **asked)

    def test_without_a_clock_of_the_tests_it_is_now(self, node: Node) -> None:
        body = base64.b64encode(BODY).decode()
        headers = Signer.of(SECRET).sign(MESSAGE, at=datetime.now(UTC), body=BODY)
        assert WebhookVerifier([SECRET]).verify(headers, BODY).id == MESSAGE
        assert node.ask("verify", keys=[SECRET], headers=headers, body=body)["id"] == MESSAGE


def webhook(message_id: str) -> Webhook:
    return Webhook(id=message_id, timestamp=0, payload=None)


class TestPythonInbox:
    def test_a_webhook_comes_for_the_first_time_once(self, tmp_path: Path) -> None:
        path = str(tmp_path / "inbox")
        told = []
        # A new one each time: the process may have been started anew.
        for message_id in ("a", "b", "a", "a", "b"):
            with Inbox(path).once(webhook(message_id)) as is_first:
                told.append(is_first)
        assert told == [True, True, False, False, False]

    def test_what_failed_comes_for_the_first_time_again(self, tmp_path: Path) -> None:
        inbox = Inbox(str(tmp_path / "inbox"))
        with pytest.raises(KeyError), inbox.once(webhook("a")):
            raise KeyError
        with inbox.once(webhook("a")) as is_first:
            assert is_first

    def test_ids_are_forgotten_after_their_time(self, tmp_path: Path) -> None:
        inbox = Inbox(str(tmp_path / "inbox"), keep_s=-1)
        for _ in range(2):
            with inbox.once(webhook("a")) as is_first:
                assert is_first

    def test_of_two_at_once_one_is_first(self, tmp_path: Path) -> None:
        from concurrent.futures import ThreadPoolExecutor

        inbox = Inbox(str(tmp_path / "inbox"))

        def come(_: int) -> bool:
            with inbox.once(webhook("a")) as is_first:
                return is_first

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(come, range(16))) == [False] * 15 + [True]


class TestTypeScriptInbox:
    def ends(self, node: Node, *ids: str, **options: Any) -> list[bool]:
        answer = node.ask("inbox", runs=[{"id": each} for each in ids], **options)
        ends: list[bool] = answer["ends"]
        assert len(answer["worked"]) == ends.count(True)
        return ends

    def test_a_webhook_is_handled_once(self, node: Node) -> None:
        assert self.ends(node, *"abaab") == [True, True, False, False, False]

    def test_what_failed_is_handled_again(self, node: Node) -> None:
        runs = [{"id": "a", "fails": True}, {"id": "a"}, {"id": "a"}]
        answer = node.ask("inbox", runs=runs)
        assert answer == {"ends": ["failed", True, False], "worked": ["a", "a"]}

    def test_of_two_at_once_one_is_handled(self, node: Node) -> None:
        assert self.ends(node, *"aab", at_once=True) == [True, False, True]

    def test_who_waits_for_work_that_fails_is_told(self, node: Node) -> None:
        runs = [{"id": "a", "fails": True}, {"id": "a"}]
        answer = node.ask("inbox", runs=runs, at_once=True)
        assert answer == {"ends": ["failed", "failed"], "worked": ["a"]}

    def test_the_oldest_are_forgotten(self, node: Node) -> None:
        assert self.ends(node, *"abca", most=2) == [True, True, True, True]
        assert self.ends(node, *"abcb", most=2) == [True, True, True, False]


class TestTypes:
    def test_the_typescript_is_strictly_typed(self) -> None:
        compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
        checked = subprocess.run(
            [NODE, compiler, "-p", EXAMPLES], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout) == (0, "")

    @pytest.mark.parametrize("name", ["webhook_verification.py", "webhook-verification.ts"])
    def test_a_helper_stands_alone(self, name: str) -> None:
        """It imports nothing that has to be installed, but for `cryptography` in Python."""
        lines = (line.split() for line in (EXAMPLES / name).read_text().splitlines())
        if name.endswith(".ts"):
            imported = {words[-1].strip('";') for words in lines if words[:1] == ["import"]}
            assert imported == {"node:crypto"}
        else:
            found = (words[1] for words in lines if words[:1] in (["import"], ["from"]))
            imported = {each.partition(".")[0] for each in found}
            assert imported - sys.stdlib_module_names == {"cryptography"}
