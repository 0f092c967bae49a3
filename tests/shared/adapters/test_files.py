"""Files go to the bucket, in one piece or in parts, and come back; what is not there is no error."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from shared.adapters import aws, files
from tests.files_fixtures import FileStore

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@pytest.fixture
def key(file_store: FileStore) -> str:
    return f"uploads/{uuid4()}/{uuid4()}"


async def read(key: str, *, offset: int = 0) -> list[bytes]:
    file = await files.find(key)
    assert file
    return [chunk async for chunk in files.stream(key, file=file, offset=offset)]


class TestUploadLink:
    async def test_it_takes_a_file_by_one_put(self, file_store: FileStore, key: str) -> None:
        link = await files.upload_link(key, size_bytes=5, content_type="text/csv", expires_s=60)
        headers = {"Content-Type": "text/csv"}
        async with httpx.AsyncClient() as client:
            answer = await client.put(link, content=b"name\n", headers=headers)
        assert answer.status_code == 200
        assert file_store.get(key) == b"name\n"

    async def test_size_and_type_are_signed(self, key: str) -> None:
        link = await files.upload_link(key, size_bytes=5, content_type="text/csv", expires_s=60)
        asked = parse_qs(urlsplit(link).query)
        assert asked["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
        assert asked["X-Amz-Expires"] == ["60"]
        assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]

    async def test_on_aws_it_is_for_the_host_of_the_region(
        self, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
        aws.aws_client.cache_clear()
        link = await files.upload_link(key, size_bytes=5, content_type="text/csv", expires_s=60)
        host = urlsplit(link).hostname or ""
        assert host.endswith(".s3.eu-west-1.amazonaws.com")
        aws.aws_client("s3").close()


class TestDownloadLink:
    async def test_it_gives_the_file_under_its_name(self, file_store: FileStore, key: str) -> None:
        file_store.put(key, b"name\n")
        link = await files.download_link(key, filename="my items.csv", expires_s=60)
        async with httpx.AsyncClient() as client:
            answer = await client.get(link)
        assert answer.content == b"name\n"
        assert answer.headers["content-disposition"] == 'attachment; filename="my items.csv"'

    @pytest.mark.parametrize("name", ['a".csv', "a\\b", "ä.csv", "a\r\nX: y", "a%20b"])
    async def test_a_name_that_would_need_quoting_is_refused(self, key: str, name: str) -> None:
        with pytest.raises(ValueError, match="not a plain file name"):
            await files.download_link(key, filename=name, expires_s=60)


class TestFind:
    async def test_it_tells_size_and_version(self, file_store: FileStore, key: str) -> None:
        file_store.put(key, b"name\n")
        first = await files.find(key)
        file_store.put(key, b"mane\n")
        second = await files.find(key)
        assert first
        assert second
        assert (first.size_bytes, await files.size_of(key)) == (5, 5)
        assert first.etag != second.etag

    async def test_of_nothing_it_is_none(self, key: str) -> None:
        assert await files.find(key) is None
        assert await files.size_of(key) is None

    async def test_what_is_not_about_the_file_is_raised(
        self, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: object, **__: object) -> None:
            answer = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
            raise ClientError(answer, "HeadObject")  # type: ignore[arg-type]

        monkeypatch.setattr(files, "call", refuse)
        with pytest.raises(ClientError):
            await files.find("any")


class TestWrite:
    async def test_the_file_is_kept_in_the_place_of_another(
        self, file_store: FileStore, key: str
    ) -> None:
        for body in (b"first", b"second one"):
            written = await files.write(key, body=body, content_type="text/csv")
            assert file_store.get(key) == body
            assert written == await files.find(key)


class TestStream:
    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "CHUNK_BYTES", 4)

    @pytest.mark.parametrize("body", [b"", b"a", b"abcd", b"abcde", b"abcdefgh", b"abcdefghi"])
    async def test_all_of_it_comes_in_chunks(
        self, file_store: FileStore, key: str, body: bytes
    ) -> None:
        file_store.put(key, body)
        chunks = await read(key)
        assert b"".join(chunks) == body
        assert all(1 <= len(chunk) <= 4 for chunk in chunks)

    @pytest.mark.parametrize("offset", range(10))
    async def test_it_begins_anywhere(self, file_store: FileStore, key: str, offset: int) -> None:
        file_store.put(key, b"abcdefghi")
        assert b"".join(await read(key, offset=offset)) == b"abcdefghi"[offset:]

    @pytest.mark.parametrize("written", [b"ABCDEFGHI", None])
    async def test_a_file_that_is_replaced_meanwhile_is_not_read_on(
        self, file_store: FileStore, key: str, written: bytes | None
    ) -> None:
        file_store.put(key, b"abcdefghi")
        file = await files.find(key)
        assert file
        chunks = files.stream(key, file=file)
        assert await anext(chunks) == b"abcd"
        if written:
            file_store.put(key, written)
        else:
            await files.remove([key])
        with pytest.raises(files.FileChangedError):
            await anext(chunks)


class TestUploadInParts:
    async def test_the_parts_make_the_file(self, file_store: FileStore, key: str) -> None:
        upload = await files.begin_upload(key, content_type="text/csv")
        bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
        etags = [
            await files.put_part(key, upload=upload, number=number, body=body)
            for number, body in enumerate(bodies, 1)
        ]
        assert await files.size_of(key) is None
        await files.finish_upload(key, upload=upload, etags=etags)
        assert file_store.get(key) == b"".join(bodies)
        head = file_store.client.head_object(Bucket=file_store.bucket, Key=key)
        assert head["ContentType"] == "text/csv"

    async def test_a_part_that_is_sent_again_replaces_itself(
        self, file_store: FileStore, key: str
    ) -> None:
        upload = await files.begin_upload(key, content_type="text/csv")
        for body in (b"first", b"second"):
            etag = await files.put_part(key, upload=upload, number=1, body=body)
        await files.finish_upload(key, upload=upload, etags=[etag])
        assert file_store.get(key) == b"second"

    async def test_an_abandoned_one_leaves_nothing(self, file_store: FileStore, key: str) -> None:
        upload = await files.begin_upload(key, content_type="text/csv")
        await files.put_part(key, upload=upload, number=1, body=b"x")
        for _ in range(2):
            await files.abandon_upload(key, upload=upload)
        assert file_store.unfinished() == []


class TestRemove:
    async def test_they_are_gone_whether_they_were_there_or_not(
        self, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "MOST_KEYS", 2)
        for name in ("a", "b", "c", "d"):
            file_store.put(name, b"x")
        await files.remove(["a", "b", "c", "e"])
        assert file_store.keys() == ["d"]

    async def test_of_none_nothing_is_asked(self, file_store: FileStore) -> None:
        await files.remove([])

    async def test_what_s3_keeps_is_told(
        self, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: object, **__: object) -> object:
            return {"Errors": [{"Key": "a", "Code": "AccessDenied"}]}

        monkeypatch.setattr(files, "call", refuse)
        with pytest.raises(files.FilesNotRemovedError, match="AccessDenied"):
            await files.remove(["a"])


class TestRemoveBelow:
    async def test_files_and_unfinished_uploads_go_until_none_is_left(
        self, file_store: FileStore
    ) -> None:
        for name in ("mine/1", "mine/2", "mine/3", "other/1"):
            file_store.put(name, b"x")
        for name in ("mine/4", "other/2"):
            await files.begin_upload(name, content_type="text/csv")
        removed = [await files.remove_below("mine/", 2) for _ in range(4)]
        assert removed == [2, 1, 1, 0]
        assert file_store.keys() == ["other/1"]
        assert file_store.unfinished() == ["other/2"]
