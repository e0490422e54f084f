"""What a statement may touch outside of the database: nothing, but for the sources that the owner allows.

The engine enforces most of it by the grants and constraints of its one user, written here as its configuration files.
What chDB does not ask grants for (it takes itself for a command line tool of its user) is refused by name, in
`statements`, before the engine sees it.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from xml.sax.saxutils import escape

CONFIG_NAME: Final = "config.xml"
SETTING: Final = "ONEFOLD_CLICKHOUSE_ALLOW"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Source -> table functions, and functions, that read or write there, in lower case.
_FUNCTIONS_OF: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "file": _names(
            "file filecluster filesystem iceberglocal iceberglocalcluster deltalakelocal paimonlocal sqlite"
        ),
        "url": _names("url urlcluster"),
        "remote": _names("remote remotesecure cluster clusterallreplicas"),
        "s3": _names(
            "s3 s3cluster gcs oss cosn hudi hudicluster iceberg icebergcluster icebergs3 icebergs3cluster deltalake"
            " deltalakecluster deltalakes3 deltalakes3cluster paimon paimoncluster paimons3 paimons3cluster"
        ),
        "azure": _names(
            "azureblobstorage azureblobstoragecluster icebergazure icebergazurecluster deltalakeazure"
            " deltalakeazurecluster paimonazure paimonazurecluster"
        ),
        "hdfs": _names("hdfs hdfscluster iceberghdfs iceberghdfscluster paimonhdfs paimonhdfscluster"),
        "mysql": frozenset({"mysql"}),
        "postgres": frozenset({"postgresql"}),
        "mongo": frozenset({"mongodb"}),
        "redis": frozenset({"redis"}),
        "odbc": frozenset({"odbc"}),
        "jdbc": frozenset({"jdbc"}),
    }
)
SOURCES: Final = tuple(_FUNCTIONS_OF)
"""What can be allowed."""

ANYWHERE: Final = frozenset({"file"})
"""Functions of one argument, whose bare name the engine takes for a lambda."""

# Of the engine's table functions those that never are: they run commands or SQL from a text, or read
# this process's own objects.
_NEVER: Final = _names("eval executable python arrowstream input fuzzquery ytsaurus bigquery")
# Functions that ask servers, and disks that a table's settings describe: anywhere on this machine or in the network.
_NEVER_EITHER: Final = _names("disk aiclassify aiembed aiextract aifilter aigenerate airedact aisimilarity aitranslate")
HARMLESS: Final = _names(
    "dictionary format fuzzjson generaterandom generateseries generate_series loop merge mergetreeanalyzeindexes"
    " mergetreeanalyzeindexesuuid mergetreecodecblockcounts mergetreeindex mergetreeprojection mergetreetextindex null"
    " numbers numbers_mt primes prometheusquery prometheusqueryrange sqlstandardvalues timeseriesdata"
    " timeseriesmetricfamilies timeseriesmetrics timeseriessamples timeseriesselector timeseriestags values view"
    " viewexplain viewifpermitted zeros zeros_mt"
)
"""Table functions that read tables of the database, or nothing; a test holds that every one is on one of the lists."""

# Engines that keep their data in the database's own folder, or none.
_ENGINES: Final = _names(
    "MergeTree ReplacingMergeTree SummingMergeTree AggregatingMergeTree CollapsingMergeTree"
    " VersionedCollapsingMergeTree CoalescingMergeTree GraphiteMergeTree Alias Buffer Dictionary FuzzJSON"
    " GenerateRandom Join Log Loop MaterializedView Memory Merge Null Set StripeLog TinyLog View Atomic Ordinary"
)
_ENGINES_NEVER: Final = _names(
    "ArrowStream AzureQueue Backup BigQuery DataLakeCatalog EmbeddedRocksDB Executable ExecutablePool"
    " FileLog FuzzQuery Kafka KeeperMap MaterializedPostgreSQL"
    " Overlay Paimon PaimonAzure PaimonHDFS PaimonLocal PaimonS3 QueryRunner Replicated"
    " ReplicatedAggregatingMergeTree ReplicatedCoalescingMergeTree ReplicatedCollapsingMergeTree"
    " ReplicatedGraphiteMergeTree ReplicatedMergeTree ReplicatedReplacingMergeTree ReplicatedSummingMergeTree"
    " ReplicatedVersionedCollapsingMergeTree S3Queue TimeSeries YTsaurus NATS RabbitMQ Hive"
)
_ENGINES_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "file": ("File", "Filesystem", "SQLite", "IcebergLocal", "DeltaLakeLocal"),
        "url": ("URL",),
        "remote": ("Distributed", "Remote", "RemoteSecure"),
        "s3": ("S3", "GCS", "OSS", "COSN", "Hudi", "Iceberg", "IcebergS3", "DeltaLake", "DeltaLakeS3"),
        "azure": ("AzureBlobStorage", "IcebergAzure", "DeltaLakeAzure"),
        "hdfs": ("HDFS", "IcebergHDFS"),
        "mysql": ("MySQL",),
        "postgres": ("PostgreSQL",),
        "mongo": ("MongoDB",),
        "redis": ("Redis",),
        "odbc": ("ODBC",),
        "jdbc": ("JDBC",),
    }
)
_GRANTS_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {source: (source.upper(),) for source in _FUNCTIONS_OF} | {"file": ("FILE", "SQLITE")}
)
_GRANTS: Final = (
    "GRANT SHOW, SELECT, INSERT, ALTER, TRUNCATE, OPTIMIZE, CHECK, KILL QUERY, CREATE DATABASE, CREATE TABLE, "
    "CREATE VIEW, CREATE TEMPORARY TABLE, DROP DATABASE, DROP TABLE, DROP VIEW, UNDROP TABLE, SYSTEM MERGES, "
    "SYSTEM FLUSH LOGS ON *.*"
)
# Settings that name files or servers, change the language that `statements` reads, or show secrets.
_FIXED: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Conditions as text, which nobody reads before the engine evaluates them.
        "additional_result_filter": "",
        "additional_table_filters": "{}",
        "parallel_replicas_custom_key": "",
        "allow_experimental_ai_functions": "0",
        "allow_experimental_eval_table_function": "0",
        "allow_experimental_kusto_dialect": "0",
        "allow_experimental_polyglot_dialect": "0",
        "allow_experimental_prql_dialect": "0",
        "allow_introspection_functions": "0",
        "dialect": "clickhouse",
        "dynamic_disk_allow_from_env": "0",
        "dynamic_disk_allow_from_zk": "0",
        "dynamic_disk_allow_include": "0",
        "enable_json_ast_dialect": "0",
        "enable_trino_dialect": "0",
        "format_avro_schema_registry_url": "",
        "format_display_secrets_in_show_and_select": "0",
        "s3_allow_server_credentials_in_user_queries": "0",
        "url_base": "",
    }
)
_FIXED_WITHOUT_FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "format_schema": "",
        "format_template_resultset": "",
        "format_template_row": "",
        "input_format_record_errors_file_path": "",
        "output_format_schema": "",
        "rename_files_after_processing": "",
    }
)


def denied_functions(allowed: Collection[str]) -> Mapping[str, str]:
    """Function in lower case -> the source that it belongs to (empty: none can allow it)."""
    of_sources = {
        function: source
        for source, functions in _FUNCTIONS_OF.items()
        if source not in allowed
        for function in functions
    }
    return of_sources | dict.fromkeys(_NEVER | _NEVER_EITHER, "")


def denied_engines(allowed: Collection[str]) -> frozenset[str]:
    """Engines of tables and databases that may not be named, in lower case: chDB asks no grant for most of them."""
    of_sources = {engine for source, engines in _ENGINES_OF.items() if source not in allowed for engine in engines}
    return frozenset(engine.lower() for engine in of_sources | _ENGINES_NEVER)


def classified() -> frozenset[str]:
    """Every table function that somebody has thought about, in lower case."""
    return HARMLESS | _NEVER | frozenset().union(*_FUNCTIONS_OF.values())


def classified_engines() -> frozenset[str]:
    """The same of the engines of tables and databases."""
    listed = {*_ENGINES, *_ENGINES_NEVER, *(engine for engines in _ENGINES_OF.values() for engine in engines)}
    return frozenset(engine.lower() for engine in listed)


def write_configuration(folder: Path, allowed: Collection[str]) -> None:
    """Write the engine's `config.xml` and `users.xml` into a folder that only its owner reads."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    empty = folder / "empty"
    empty.mkdir(mode=0o700, exist_ok=True)
    _write(folder / "users.xml", _users(allowed))
    _write(folder / CONFIG_NAME, _config(folder, empty, allowed))


def _config(folder: Path, empty: Path, allowed: Collection[str]) -> str:
    nowhere = escape(f"{empty}/")
    # No host may be asked, whatever asks. chDB minds it in some places only, so it is not the first of the doors.
    hosts = "" if set(allowed) - {"file"} else "<remote_url_allow_hosts></remote_url_allow_hosts>"
    return f"""<clickhouse>
    <users_config>{escape(str(folder / "users.xml"))}</users_config>
    <user_files_path>{nowhere}</user_files_path>
    <user_scripts_path>{nowhere}</user_scripts_path>
    <format_schema_path>{nowhere}</format_schema_path>
    {hosts}
</clickhouse>
"""


def _users(allowed: Collection[str]) -> str:
    grants = [_GRANTS, *(f"GRANT {name} ON *.*" for source in allowed for name in _GRANTS_OF[source])]
    fixed = _FIXED if "file" in allowed else {**_FIXED, **_FIXED_WITHOUT_FILES}
    values = "".join(f"<{name}>{value}</{name}>" for name, value in fixed.items())
    constants = "".join(f"<{name}><const/></{name}>" for name in fixed)
    listed = "".join(f"<query>{grant}</query>" for grant in grants)
    return f"""<clickhouse>
    <profiles><default>{values}<constraints>{constants}</constraints></default></profiles>
    <quotas><default/></quotas>
    <users><default>
        <password></password>
        <networks><ip>::/0</ip></networks>
        <profile>default</profile>
        <quota>default</quota>
        <grants>{listed}</grants>
    </default></users>
</clickhouse>
"""


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
