"""A network has one spelling, and has an address or has not, however the address is written."""

import pytest

from shared.core.networks import contains, normalised


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_a_block_has_one_spelling(given: str, expected: str) -> None:
    assert normalised(given) == expected
    assert normalised(expected) == expected


@pytest.mark.parametrize(
    "text",
    ["", "lantern", "10.0.0.0/33", "10.0.0", "010.0.0.1", "2001:db8::/129", "fe80::1%eth0", "1/-1"],
)
def test_what_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        normalised(text)


@pytest.mark.parametrize(
    ("blocks", "address", "within"),
    [
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["10.0.0.0/8", "192.0.2.0/24"], "192.0.2.1", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.1", True),
        (["2001:db8::/32"], "2001:db8:ffff::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "192.0.2.1", False),
        (["0.0.0.0/0", "::/0"], "", False),
        (["0.0.0.0/0"], "testclient", False),
        ([], "192.0.2.1", False),
    ],
)
def test_a_block_has_its_addresses(blocks: list[str], address: str, *, within: bool) -> None:
    assert contains(blocks, address) is within
