"""The bucket of files: what users upload and what is made for them.

Everything raises botocore's ClientError or BotoCoreError where S3 does not answer, or not as it should.
Source: AWS, "Amazon S3 API Reference"; of the parts of an upload "Amazon S3 multipart upload limits": each
but the last has at least 5 MiB, and there are at most 10,000.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import batched
from typing import Any

from shared.adapters.aws import aws_client, call
from shared.config.messaging import files_settings

CHUNK_BYTES = 4 * 1024 * 1024
"""How much of a file is read at once, in bytes."""

MOST_KEYS = 1000
"""How many keys one request may list or delete. Source: AWS, "DeleteObjects" and "ListObjectsV2"."""

_MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED})


class FileChangedError(Exception):
    """The file is not there any more, or another one is in its place."""


class FilesNotRemovedError(Exception):
    """S3 took the request to delete files but did not delete all of them."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file as it is now: `etag` is another one once it is written anew."""

    size_bytes: int
    etag: str


async def upload_link(key: str, *, size_bytes: int, content_type: str, expires_s: int) -> str:
    """Return an address that takes a file by one PUT, for so many seconds.

    Size and type are signed (Signature Version 4): S3 refuses a file of another.
    """
    wanted = {**_place(key), "ContentLength": size_bytes, "ContentType": content_type}
    return await _presigned("put_object", wanted, expires_s=expires_s)


async def download_link(key: str, *, filename: str, expires_s: int) -> str:
    """Return an address that gives a file for so many seconds, to be saved under a name.

    Raises ValueError for a name that is no plain ASCII (RFC 6266, appendix D).
    """
    if not filename.isascii() or not filename.isprintable() or set(filename) & set('"\\%'):
        raise ValueError(f"not a plain file name: {filename!r}")
    disposition = f'attachment; filename="{filename}"'
    wanted = {**_place(key), "ResponseContentDisposition": disposition}
    return await _presigned("get_object", wanted, expires_s=expires_s)


async def find(key: str) -> StoredFile | None:
    """Return what is kept under a key, or None."""
    found = await _unless_missing("head_object", **_place(key))
    return StoredFile(size_bytes=found["ContentLength"], etag=found["ETag"]) if found else None


async def size_of(key: str) -> int | None:
    """Return the size of a file in bytes, or None where there is none."""
    found = await find(key)
    return found.size_bytes if found else None


async def stream(key: str, *, file: StoredFile, offset: int = 0) -> AsyncGenerator[bytes]:
    """Give the bytes of a file from an offset on, in chunks of at most CHUNK_BYTES.

    Each chunk is a request of its own, so that nothing is held open however long a reader takes, and
    each asks for the file as `find` saw it. Raises FileChangedError where that is no more.
    """
    while offset < file.size_bytes:
        wanted = f"bytes={offset}-{offset + CHUNK_BYTES - 1}"
        answer = await _unless_missing("get_object", Range=wanted, IfMatch=file.etag, **_place(key))
        if answer is None:
            raise FileChangedError
        chunk: bytes = await call(answer["Body"].read)
        yield chunk
        offset += len(chunk)


async def write(key: str, *, body: bytes, content_type: str) -> StoredFile:
    """Keep a file, in the place of one that is there."""
    kept = await _send("put_object", Body=body, ContentType=content_type, **_place(key))
    return StoredFile(size_bytes=len(body), etag=kept["ETag"])


async def begin_upload(key: str, *, content_type: str) -> str:
    """Begin an upload in parts; return its id."""
    begun = await _send("create_multipart_upload", ContentType=content_type, **_place(key))
    upload: str = begun["UploadId"]
    return upload


async def put_part(key: str, *, upload: str, number: int, body: bytes) -> str:
    """Upload a part, the first having the number 1; return its etag. The same number replaces it."""
    of_upload = {**_place(key), "UploadId": upload}
    kept = await _send("upload_part", PartNumber=number, Body=body, **of_upload)
    etag: str = kept["ETag"]
    return etag


async def finish_upload(key: str, *, upload: str, etags: Sequence[str]) -> None:
    """Make a file of the parts of an upload, by their etags in order."""
    parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, 1)]
    of_upload = {**_place(key), "UploadId": upload}
    await _send("complete_multipart_upload", MultipartUpload={"Parts": parts}, **of_upload)


async def abandon_upload(key: str, *, upload: str) -> None:
    """Drop an unfinished upload and its parts, if it is there."""
    await _unless_missing("abort_multipart_upload", UploadId=upload, **_place(key))


async def remove(keys: Sequence[str]) -> None:
    """Delete files, those that are there. Raises FilesNotRemovedError."""
    for some in batched(keys, MOST_KEYS, strict=False):
        named = {"Objects": [{"Key": key} for key in some], "Quiet": True}
        answer = await _send("delete_objects", Bucket=_bucket(), Delete=named)
        if refused := answer.get("Errors"):
            raise FilesNotRemovedError(f"{len(refused)} left, the first for {refused[0]['Code']}")


async def remove_below(prefix: str, limit: int) -> int:
    """Delete at most `limit` of the files whose keys begin so, then of the unfinished uploads.

    Return how many there were, 0 once nothing is left. Raises FilesNotRemovedError.
    """
    most = min(limit, MOST_KEYS)
    listed = await _send("list_objects_v2", Bucket=_bucket(), Prefix=prefix, MaxKeys=most)
    keys = [each["Key"] for each in listed.get("Contents", ())]
    await remove(keys)
    return len(keys) or await _abandon_below(prefix, most)


async def _abandon_below(prefix: str, most: int) -> int:
    wanted = {"Bucket": _bucket(), "Prefix": prefix, "MaxUploads": most}
    listed = await _send("list_multipart_uploads", **wanted)
    uploads = listed.get("Uploads", ())
    for each in uploads:
        await abandon_upload(each["Key"], upload=each["UploadId"])
    return len(uploads)


async def _presigned(operation: str, wanted: dict[str, Any], *, expires_s: int) -> str:
    # In a thread too: to sign, the credentials may have to be fetched.
    sign = aws_client("s3").generate_presigned_url
    link: str = await call(sign, ClientMethod=operation, Params=wanted, ExpiresIn=expires_s)
    return link


async def _send(operation: str, **arguments: Any) -> Any:
    return await call(getattr(aws_client("s3"), operation), **arguments)


async def _unless_missing(operation: str, **arguments: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        return await _send(operation, **arguments)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in _MISSING:
            return None
        raise


def _place(key: str) -> dict[str, str]:
    return {"Bucket": _bucket(), "Key": key}


def _bucket() -> str:
    return files_settings().files_bucket
