"""Shared libraries without what only a debugger reads, for any architecture and without a linker."""

import struct

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: arm64 and x86_64
_PROGRAM_HEADERS_AT, _SECTION_HEADERS_AT = 0x20, 0x28
_SIZES_AT = 0x36
_SECTION_COUNT_AT = 0x3C
_OFFSET_AND_LENGTH = struct.Struct("<8xQ16xQ")  # of the program header of one segment


def without_symbols(library: bytes) -> bytes:
    """Return an ELF file cut after its last segment; other content is returned as it is.

    The loader maps segments and knows no sections, so symbol tables and debug information, which
    stand behind the last segment, can go together with the table that lists them.
    Source: "System V Application Binary Interface", chapters 4 and 5.
    """
    if not library.startswith(_MAGIC):
        return library
    kept = bytearray(library[: _end_of_segments(library)])
    struct.pack_into("<Q", kept, _SECTION_HEADERS_AT, 0)
    struct.pack_into("<HH", kept, _SECTION_COUNT_AT, 0, 0)
    return bytes(kept)


def _end_of_segments(library: bytes) -> int:
    (table,) = struct.unpack_from("<Q", library, _PROGRAM_HEADERS_AT)
    size, count = struct.unpack_from("<HH", library, _SIZES_AT)
    starts = range(table, table + count * size, size)
    ends: list[int] = [sum(_OFFSET_AND_LENGTH.unpack_from(library, start)) for start in starts]
    return max(ends)
