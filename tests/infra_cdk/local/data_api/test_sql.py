"""Named parameters are found where PostgreSQL would read one, and nowhere else."""

import pytest

from infra_cdk.local.data_api.sql import number_parameters


@pytest.mark.parametrize(
    ("sql", "numbered", "names"),
    [
        ("SELECT :a", "SELECT $1", ("a",)),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT :a::int", "SELECT $1::int", ("a",)),
        ("SELECT 'it''s :a'", "SELECT 'it''s :a'", ()),
        (r"SELECT E'\':a'", r"SELECT E'\':a'", ()),
        ('SELECT ":a"', 'SELECT ":a"', ()),
        ("SELECT 1 -- :a\n, :b", "SELECT 1 -- :a\n, $1", ("b",)),
        ("SELECT /* :a */ :b", "SELECT /* :a */ $1", ("b",)),
        ("SELECT $$:a$$, $t$:b$t$", "SELECT $$:a$$, $t$:b$t$", ()),
        ("SELECT '{1,2,3}'::int[]", "SELECT '{1,2,3}'::int[]", ()),
        ("SELECT n[1:2]", "SELECT n[1:2]", ()),
    ],
)
def test_a_parameter_is_numbered(sql: str, numbered: str, names: tuple[str, ...]) -> None:
    assert number_parameters(sql) == (numbered, names)


def test_a_name_ends_where_ascii_ends() -> None:
    assert number_parameters("SELECT :grö") == ("SELECT $1ö", ("gr",))
