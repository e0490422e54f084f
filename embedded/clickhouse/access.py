"""What SQL may do here: the engine's grants and settings as an allowlist, written into a folder that only we read.

chDB takes a ClickHouse server's configuration files. What the engine cannot refuse by them is in `refusals`.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from runtime.files import write_private

SETTING: Final = "ONEFOLD_CLICKHOUSE_ALLOW"
"""The setting that opens a source; error messages name it."""

OUTER_DATABASE: Final = "clickhouse_local"
"""The database that chDB lays over the file system; the engine drops it once it runs."""


class OuterSource(msgspec.Struct, frozen=True):
    """What one name of the setting opens: an access type of ClickHouse's sources, table functions and engines."""

    access: str = ""
    functions: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


SOURCES: Final[Mapping[str, OuterSource]] = MappingProxyType(
    {
        "arrow_flight": OuterSource("ARROW_FLIGHT", ("arrowFlight",), ("ArrowFlight",)),
        "azure": OuterSource("AZURE", ("azureBlobStorage", "deltaLakeAzure", "icebergAzure"), ("AzureBlobStorage",)),
        "bigquery": OuterSource("BIGQUERY", ("bigquery",), ("BigQuery",)),
        "disk": OuterSource(),
        # A dictionary's command is any command of this machine, run as the gateway's owner.
        "executable": OuterSource(
            functions=("executable", "dictionary"),
            engines=("Executable", "ExecutablePool", "Dictionary"),
            grants=("CREATE DICTIONARY", "DROP DICTIONARY", "SYSTEM RELOAD DICTIONARY", "dictGet"),
        ),
        "file": OuterSource("FILE", ("file", "filesystem", "deltaLakeLocal", "icebergLocal"), ("File", "Filesystem")),
        "hdfs": OuterSource("HDFS", ("hdfs",), ("HDFS",)),
        "jdbc": OuterSource("JDBC", ("jdbc",), ("JDBC",)),
        "kafka": OuterSource("KAFKA", (), ("Kafka",)),
        "mongo": OuterSource("MONGO", ("mongodb",), ("MongoDB",)),
        "mysql": OuterSource("MYSQL", ("mysql",), ("MySQL",)),
        "nats": OuterSource("NATS", (), ("NATS",)),
        "odbc": OuterSource("ODBC", ("odbc",), ("ODBC",)),
        "postgres": OuterSource("POSTGRES", ("postgresql",), ("PostgreSQL",)),
        "rabbitmq": OuterSource("RABBITMQ", (), ("RabbitMQ",)),
        "redis": OuterSource("REDIS", ("redis",), ("Redis",)),
        "remote": OuterSource("REMOTE", ("remote", "remoteSecure"), ("Distributed", "Remote", "RemoteSecure")),
        "s3": OuterSource(
            "S3", ("s3", "gcs", "oss", "cosn", "deltaLake", "iceberg", "hudi"), ("S3", "GCS", "OSS", "COSN")
        ),
        "sqlite": OuterSource("SQLITE", ("sqlite",), ("SQLite",)),
        "url": OuterSource("URL", ("url",), ("URL",)),
        "ytsaurus": OuterSource("YTSAURUS", ("ytsaurus",), ("YTsaurus",)),
    }
)
"""By the names that the setting takes: ClickHouse's source access types in lower case, disks and commands."""

GRANTS: Final = (
    *("SHOW", "SELECT", "INSERT", "ALTER TABLE", "ALTER VIEW", "TRUNCATE", "OPTIMIZE", "CHECK", "KILL QUERY"),
    *("CREATE DATABASE", "CREATE TABLE", "CREATE VIEW", "CREATE TEMPORARY TABLE", "CREATE FUNCTION"),
    *("DROP DATABASE", "DROP TABLE", "DROP VIEW", "DROP FUNCTION"),
    *("SYSTEM MERGES", "SYSTEM TTL MERGES", "SYSTEM FLUSH LOGS", "SYSTEM FLUSH ASYNC INSERT QUEUE", "SYSTEM VIEWS"),
)
ENGINES: Final = (
    *("MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree"),
    *("VersionedCollapsingMergeTree", "CoalescingMergeTree", "GraphiteMergeTree"),
    *("Memory", "Log", "TinyLog", "StripeLog", "Null", "Set", "Join", "Buffer", "Merge", "View", "MaterializedView"),
)
"""Table engines that reach nothing but the data folder."""

DATABASES: Final = ("Atomic", "Memory")
"""Database engines that reach nothing but the data folder."""

TABLE_FUNCTIONS: Final = frozenset(
    {
        *("values", "SQLStandardValues", "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "null", "format"),
        *("generateSeries", "generate_series", "generateRandom", "merge", "view", "viewExplain", "viewIfPermitted"),
        *("mergeTreeAnalyzeIndexes", "mergeTreeAnalyzeIndexesUUID", "mergeTreeCodecBlockCounts", "mergeTreeIndex"),
        *("mergeTreeProjection", "mergeTreeTextIndex"),
    }
)
"""Table functions that reach nothing but the data folder; every other one is refused by its name."""

CLOSED_SETTINGS: Final = frozenset(
    {
        # SQL in a string, and other grammars than the one that is read here.
        *("select", "filter", "order", "sort", "additional_result_filter", "additional_table_filters"),
        *("parallel_replicas_custom_key", "implicit_table_at_top_level", "allow_experimental_eval_table_function"),
        *("dialect", "polyglot_dialect", "allow_experimental_kusto_dialect", "allow_experimental_prql_dialect"),
        *("allow_experimental_polyglot_dialect", "enable_json_ast_dialect", "enable_trino_dialect"),
        *("input_format_values_interpret_expressions", "input_format_values_deduce_templates_of_expressions"),
        # Formats other than those that the statement names.
        *("format", "input_format", "output_format"),
        # Files.
        *("format_schema", "format_schema_source", "format_schema_message_name", "output_format_schema"),
        *("format_template_resultset", "format_template_row", "input_format_record_errors_file_path"),
        *("rename_files_after_processing", "filesystem_cache_name"),
        # The network.
        *("format_avro_schema_registry_url", "url_base", "s3_base", "cluster_for_parallel_replicas"),
        *("s3_allow_server_credentials_in_user_queries", "ai_function_allow_insecure_endpoint"),
        *("ai_function_text_default_credentials", "ai_function_embedding_default_credentials"),
        # Rights.
        *("default_view_definer", "default_normal_view_sql_security", "default_materialized_view_sql_security"),
        *("allow_introspection_functions", "allow_get_client_http_header"),
    }
)
"""Settings that no request may change. The engine refuses them, but for a subquery's: there `refusals` does."""


def check(names: Iterable[str]) -> frozenset[str]:
    """Return the names of sources to open; raises ValueError with all of them for one that does not exist."""
    opened = frozenset(names)
    if unknown := sorted(opened - SOURCES.keys()):
        raise ValueError(f"{SETTING}: unknown {', '.join(unknown)}; there are {', '.join(sorted(SOURCES))}")
    return opened


def write_configuration(folder: Path, opened: Collection[str]) -> None:
    """Write `config.xml`, `users.xml` and an empty folder for all that ClickHouse looks for in folders of its own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    (folder / "empty").mkdir(mode=0o700, exist_ok=True)
    write_private(folder / "config.xml", _config(folder, opened))
    write_private(folder / "users.xml", _users(opened))


def _config(folder: Path, opened: Collection[str]) -> str:
    paths = (
        "user_files_path",
        "user_scripts_path",
        "format_schema_path",
        "dictionaries_lib_path",
        "google_protos_path",
    )
    empty = escape(f"{folder / 'empty'}/")
    reaches_out = any(SOURCES[name].access not in ("", "FILE", "SQLITE") for name in opened)
    return (
        "<clickhouse>"
        f"<users_config>{escape(str(folder / 'users.xml'))}</users_config>"
        f"<default_database>{OUTER_DATABASE}</default_database>"
        f"{'' if reaches_out else '<remote_url_allow_hosts></remote_url_allow_hosts>'}"
        f"{''.join(f'<{name}>{empty}</{name}>' for name in paths)}"
        "<access_control_improvements>"
        "<table_engines_require_grant>true</table_engines_require_grant>"
        "<on_cluster_queries_require_cluster_grant>true</on_cluster_queries_require_cluster_grant>"
        "</access_control_improvements>"
        "</clickhouse>\n"
    )


def _users(opened: Collection[str]) -> str:
    sources = [SOURCES[name] for name in sorted(opened)]
    grants = [f"{', '.join((*GRANTS, *(grant for source in sources for grant in source.grants)))} ON *.*"]
    grants += [f"READ, WRITE ON {source.access}" for source in sources if source.access]
    engines = (*ENGINES, *(engine for source in sources for engine in source.engines))
    grants += [f"TABLE ENGINE ON {engine}" for engine in engines]
    return (
        "<clickhouse><profiles><default><constraints>"
        f"{''.join(f'<{name}><const/></{name}>' for name in sorted(CLOSED_SETTINGS))}"
        "</constraints></default></profiles><quotas><default/></quotas>"
        "<users><default><no_password/><profile>default</profile><quota>default</quota>"
        f"<networks><ip>::/0</ip></networks><grants>{''.join(f'<query>GRANT {grant}</query>' for grant in grants)}"
        "</grants></default></users></clickhouse>\n"
    )
