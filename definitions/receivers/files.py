"""Options of files on a disk or in S3: a folder for each hour, a file for each batch."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from definitions.receivers.columns import ColumnType
from definitions.receivers.http import why_no_url
from definitions.receivers.values import OptionProblem, Secret

PRESET = {
    "name": "@name",
    "change": "@change",
    "profile_id": "@profile.id",
    "happened_at": "@happened_at",
    "version": "@version",
    "traits": "@traits",
    "payload": "@payload",
}

KEYS = {
    "url": "The folder of the hours: `file:///PATH` or `s3://BUCKET/PATH`.",
    "format": "`csv`, `jsonl` (a line of JSON per delivery) or `parquet`.",
    "columns": "Types of columns; a column that is not here is text.",
    "keep_formulas": "Of CSV: whether texts that a spreadsheet would compute are written as they are.",
    "success": "Whether `_SUCCESS` is written into the folder of an hour that is over.",
    "region": "Of S3: the bucket's region.",
    "endpoint": "Of S3: the address of a service that is not Amazon's.",
    "access_key": "Of S3: the id of the access key; without it, what the machine gives (a role, the environment).",
    "secret_key": "Of S3: the access key's secret.",
    "batch": "How many deliveries one file holds, at most.",
}


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="files", tag_field="type"):
    """Files. Their columns are `delivery_key` and the mapping's fields."""

    url: str
    format: Literal["csv", "jsonl", "parquet"] = "jsonl"
    columns: dict[str, ColumnType] = {}
    keep_formulas: bool = False
    success: bool = True
    region: str = "us-east-1"
    endpoint: str = ""
    access_key: Secret = Secret()
    secret_key: Secret = Secret()
    batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000


def problems(options: Files) -> Iterator[OptionProblem]:
    """Yield what is wrong with options that no single value shows."""
    scheme, _, rest = options.url.partition("://")
    if scheme == "file":
        if not rest.startswith("/"):
            yield OptionProblem("url", "names no folder by its whole path", "write `file:///var/exports`")
    elif scheme == "s3":
        if not rest.partition("/")[0]:
            yield OptionProblem("url", "names no bucket", "write `s3://BUCKET/PATH`")
    else:
        yield OptionProblem("url", "is neither `file:///PATH` nor `s3://BUCKET/PATH`")
    if options.endpoint and (reason := why_no_url(options.endpoint)) is not None:
        yield OptionProblem("endpoint", f"it is no address of a service: {reason}")
    if (options.access_key == Secret()) != (options.secret_key == Secret()):
        yield OptionProblem("access_key", "and `secret_key` go together")
