"""Presigned links, made as the application makes them, and what S3 says to them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra_cdk.local.aws.links import Signed, refusal_of

HOST = "127.0.0.1:4566"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        endpoint_url=f"http://{HOST}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(signature_version="s3v4"),
    )
    yield client
    client.close()


def link_of(s3: Any, method: str = "get_object", *, key: str = "a/b.csv", **more: Any) -> str:
    link: str = s3.generate_presigned_url(
        method, Params={"Bucket": "files", "Key": key, **more}, ExpiresIn=300
    )
    return link


def code_of(link: str, *, method: str = "GET", in_s: float = 0, **headers: str) -> str | None:
    parts = urlsplit(link)
    sent = {"host": HOST} | {name.replace("_", "-"): text for name, text in headers.items()}
    request = Signed(method=method, path=parts.path, query=parts.query, headers=sent)
    refusal = refusal_of(request, now=datetime.now(UTC) + timedelta(seconds=in_s))
    return refusal.code if refusal else None


def test_a_fresh_link_is_good(s3: Any) -> None:
    assert code_of(link_of(s3)) is None


@pytest.mark.parametrize("key", ["ä ö+ü.csv", "a/b c/~d-e_f.csv", "100%.csv", "a=b&c.csv"])
def test_any_key_can_be_linked_to(s3: Any, key: str) -> None:
    assert code_of(link_of(s3, key=key)) is None


def test_what_the_answer_shall_say_is_signed_too(s3: Any) -> None:
    link = link_of(s3, ResponseContentDisposition='attachment; filename="items & more.csv"')
    assert code_of(link) is None
    assert code_of(link.replace("more", "less")) == "SignatureDoesNotMatch"


def test_a_request_that_is_not_presigned_is_no_concern_of_it() -> None:
    assert code_of(f"http://{HOST}/files/a.csv?versionId=1") is None


def test_a_link_ends_at_its_time(s3: Any) -> None:
    link = link_of(s3)
    assert code_of(link, in_s=295) is None
    assert code_of(link, in_s=301) == "AccessDenied"


def test_the_refusal_is_s3s_own_document(s3: Any) -> None:
    parts = urlsplit(link_of(s3))
    request = Signed(method="GET", path=parts.path, query=parts.query, headers={"host": HOST})
    refusal = refusal_of(request, now=datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert refusal is not None
    assert refusal.status == 403
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in refusal.document
    assert "<ServerTime>2040-01-02T03:04:05Z</ServerTime>" in refusal.document


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b.csv", "c.csv"),
        ("Expires=300", "Expires=3000"),
        ("/files/", "/others/"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Signature=", "X-Amz-Signature=\u00e4"),
        ("Credential=local", "Credential=somebody"),
        ("X-Amz-Algorithm", "more=1&X-Amz-Algorithm"),
    ],
)
def test_a_link_that_was_changed_is_refused(s3: Any, old: str, new: str) -> None:
    changed = link_of(s3).replace(old, new)
    assert changed != link_of(s3)
    assert code_of(changed) == "SignatureDoesNotMatch"


def test_a_link_to_read_writes_and_removes_nothing(s3: Any) -> None:
    for method in ("PUT", "DELETE"):
        assert code_of(link_of(s3), method=method) == "SignatureDoesNotMatch"


def test_an_upload_has_the_length_that_was_signed(s3: Any) -> None:
    link = link_of(s3, "put_object", ContentLength=10)
    assert code_of(link, method="PUT", content_length="10") is None
    assert code_of(link, method="PUT", content_length="11") == "SignatureDoesNotMatch"
    assert code_of(link, method="PUT") == "SignatureDoesNotMatch"


def test_an_upload_has_the_type_that_was_signed(s3: Any) -> None:
    link = link_of(s3, "put_object", ContentType="text/csv")
    assert code_of(link, method="PUT", content_type="text/csv") is None
    assert code_of(link, method="PUT", content_type="text/html") == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Date=", "Y="),
        ("X-Amz-Expires=300", "X-Amz-Expires=soon"),
        ("X-Amz-Expires=300", "X-Amz-Expires=99999999999999999"),
        ("Credential=local%2F", "Credential="),
        ("X-Amz-SignedHeaders=", "Y="),
    ],
)
def test_a_link_that_makes_no_sense_is_a_bad_request(s3: Any, old: str, new: str) -> None:
    link = link_of(s3).replace(old, new)
    assert code_of(link) == "AuthorizationQueryParametersError"
