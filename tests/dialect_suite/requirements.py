"""What PostgreSQL has, and what the Data API takes away from it, each with its reason."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

TEMPORARY = "a temporary table ends with the call: no session is kept"

POSTGRESQL_HAS = (
    "aggregate_order_by",
    "array_type",
    "autocommit",
    "check_constraint_reflection",
    "column_collation_reflection",
    "comment_reflection",
    "comment_reflection_full_unicode",
    "computed_columns",
    "computed_columns_reflect_persisted",
    "computed_columns_stored",
    "constraint_comment_reflection",
    "create_or_replace_view",
    "create_table_as",
    "cross_schema_fk_reflection",
    "ctes",
    "ctes_on_dml",
    "ctes_with_update_delete",
    "ctes_with_values",
    "date_historic",
    "datetime_historic",
    "datetime_interval",
    "datetime_literals",
    "datetime_timezone",
    "datetime_timezone_historic",
    "deferrable_fks",
    "delete_from",
    "except_",
    "expression_server_defaults",
    "fetch_expression",
    "fetch_first",
    "fetch_no_order_by",
    "fetch_offset_with_options",
    "fetch_ties",
    "fk_constraint_option_reflection_ondelete_noaction",
    "fk_constraint_option_reflection_ondelete_restrict",
    "fk_constraint_option_reflection_onupdate_restrict",
    "float_or_double_precision_behaves_generically",
    "foreign_key_constraint_name_reflection",
    "foreign_key_constraint_option_reflection_ondelete",
    "foreign_key_constraint_option_reflection_onupdate",
    "identity_columns",
    "identity_columns_standard",
    "implicit_default_schema",
    "index_ddl_if_exists",
    "index_reflects_included_columns",
    "indexes_check_column_order",
    "indexes_with_expressions",
    "infinity_floats",
    "inline_check_constraint_reflection",
    "intersect",
    "isolation_level",
    "json_type",
    "legacy_unconditional_json_extract",
    "materialized_views",
    "nullsordering",
    "on_update_cascade",
    "order_by_collation",
    "order_by_label_with_expression",
    "percent_schema_names",
    "precision_numerics_enotation_small",
    "precision_numerics_many_significant_digits",
    "precision_numerics_retains_significant_digits",
    "reflect_indexes_with_expressions",
    "reflect_table_options",
    "reflect_tables_no_columns",
    "reflects_pk_names",
    "regexp_match",
    "regexp_replace",
    "repeated_column_foreign_keys",
    "savepoints",
    "schema_create_delete",
    "schemas",
    "server_defaults",
    "skip_autocommit_rollback",
    "supports_bitwise_and",
    "supports_bitwise_not",
    "supports_bitwise_or",
    "supports_bitwise_shift",
    "supports_bitwise_xor",
    "supports_distinct_on",
    "supports_is_distinct_from",
    "table_ddl_if_exists",
    "table_value_constructor",
    "time_timezone",
    "timestamp_microseconds",
    "tuple_in",
    "tuple_in_w_empty",
    "unicode_ddl",
    "unique_constraints_reflect_as_index",
    "update_from",
    "uuid_data_type",
    "views",
    "window_functions",
    "window_range",
    "window_range_non_numeric",
    "window_range_numeric",
)
"""Requirements that SQLAlchemy leaves closed until a dialect opens them."""

DATA_API_LACKS: Mapping[str, str] = {
    "create_temp_table_as": TEMPORARY,
    "default_schema_name_switch": "SET search_path ends with the call: no session is kept",
    "has_temp_table": TEMPORARY,
    "sane_multi_rowcount": "BatchExecuteStatement returns no row counts",
    "server_side_cursors": "a cursor needs a session, and a result is sent whole",
    "temp_table_comment_reflection": TEMPORARY,
    "temp_table_names": TEMPORARY,
    "temp_table_reflect_indexes": TEMPORARY,
    "temp_table_reflection": TEMPORARY,
    "temporary_tables": TEMPORARY,
    "temporary_views": TEMPORARY,
}
"""Requirements closed because of the Data API, with the reason."""

POSTGRESQL_LACKS: Mapping[str, str] = {
    "computed_columns_default_persisted": "a computed column is stored only where it says so",
    "computed_columns_virtual": "Aurora's PostgreSQL 16 and 17 have stored ones only",
    "dbapi_lastrowid": "a new row's key comes by RETURNING",
    "denormalized_names": "names are not folded to upper case",
    "fetch_percent": "no FETCH FIRST ... PERCENT",
    "foreign_keys_reflect_as_index": "a foreign key makes no index",
    "json_deserializer_binary": "JSON comes as text",
    "materialized_views_reflect_pk": "a materialised view has no primary key",
    "nvarchar_types": "no NVARCHAR and NCHAR",
    "reflect_indexes_with_ascdesc_as_expression": "ASC and DESC are no expressions of an index",
    "repeated_remote_col_foreign_keys": "a foreign key names a referenced column once",
    "unique_index_reflect_as_unique_constraints": "a unique index is no constraint",
}
"""Requirements that PostgreSQL does not meet by any driver, with the reason."""


def _open() -> Callable[[Any], Any]:
    return lambda _: exclusions.open()  # type: ignore[no-untyped-call]


def _closed(reason: str) -> Callable[[Any], Any]:
    return lambda _: exclusions.skip_if(lambda *_: True, reason)  # type: ignore[no-untyped-call]


class Requirements(SuiteRequirements):
    """What SQLAlchemy's suite may ask of PostgreSQL through the Data API."""

    def get_order_by_collation(self, config: object) -> str:
        """Return a collation that every PostgreSQL has."""
        return "POSIX"


for _name in POSTGRESQL_HAS:
    setattr(Requirements, _name, property(_open()))
for _name, _reason in {**DATA_API_LACKS, **POSTGRESQL_LACKS}.items():
    setattr(Requirements, _name, property(_closed(_reason)))
