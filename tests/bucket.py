"""A file store in memory: what a test of something else needs of `shared.adapters.files`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from shared.adapters import files

SMALLEST_PART = 5 * 1024 * 1024


@dataclass
class Bucket:
    """Files by key, and the parts of unfinished uploads by their id."""

    kept: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    begun: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Bucket":
        """Stand in for the adapter's functions."""
        for name in (
            "upload_link",
            "download_link",
            "size_of",
            "begin_upload",
            "put_part",
            "finish_upload",
            "remove",
            "remove_below",
        ):
            monkeypatch.setattr(files, name, getattr(self, name))
        return self

    async def upload_link(
        self, key: str, *, size_bytes: int, content_type: str, expires_s: int
    ) -> str:
        return f"https://files.example.com/{key}?{size_bytes}&{content_type}&{expires_s}"

    async def download_link(self, key: str, *, filename: str, expires_s: int) -> str:
        return f"https://files.example.com/{key}?{filename}&{expires_s}"

    async def size_of(self, key: str) -> int | None:
        return len(self.kept[key]) if key in self.kept else None

    async def begin_upload(self, key: str, *, content_type: str) -> str:
        self.begun += 1
        upload = f"{key} {content_type} {self.begun}"
        self.parts[upload] = {}
        return upload

    async def put_part(self, key: str, *, upload: str, number: int, body: bytes) -> str:
        self.parts[upload][number] = body
        return f"etag-{number}-{len(body)}"

    async def finish_upload(self, key: str, *, upload: str, etags: Sequence[str]) -> None:
        bodies = [body for _, body in sorted(self.parts.pop(upload).items())]
        assert [f"etag-{n}-{len(body)}" for n, body in enumerate(bodies, 1)] == list(etags)
        assert all(len(body) >= SMALLEST_PART for body in bodies[:-1])
        self.kept[key] = b"".join(bodies)

    async def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.kept.pop(key, None)

    async def remove_below(self, prefix: str, limit: int) -> int:
        found = [key for key in self.kept if key.startswith(prefix)][:limit]
        await self.remove(found)
        return len(found)
