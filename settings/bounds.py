"""Types of settings: each says what values it takes, for the check and for the message of a refusal."""

from typing import Annotated, TypeAlias

from msgspec import Meta


def _whole(lowest: int, highest: int) -> Meta:
    return Meta(ge=lowest, le=highest, description=f"a whole number from {lowest} to {highest}")


Port: TypeAlias = Annotated[int, _whole(0, 65_535)]
Connections: TypeAlias = Annotated[int, _whole(16, 1_000_000)]
ConnectionsPerAddress: TypeAlias = Annotated[int, _whole(0, 1_000_000)]
SessionTimeout: TypeAlias = Annotated[int, _whole(1_000, 2**31)]
SettlingTime: TypeAlias = Annotated[int, _whole(0, 30_000)]
Seconds: TypeAlias = Annotated[int, _whole(1, 2**31)]
Standbys: TypeAlias = Annotated[int, _whole(0, 8)]
Partitions: TypeAlias = Annotated[int, _whole(1, 1_024)]
Replication: TypeAlias = Annotated[int, _whole(1, 32_767)]
Flag: TypeAlias = Annotated[bool, Meta(description="1 or 0")]

Period: TypeAlias = Annotated[
    str, Meta(pattern=r"^([1-9][0-9]{0,4}d|forever)\Z", description="days such as 400d, or forever")
]

Url: TypeAlias = Annotated[str, Meta(description="an address such as http://127.0.0.1:8123")]
"""May carry a password, so a refusal does not repeat it."""

UserName: TypeAlias = Annotated[str, Meta(pattern=r"^[^:\x00-\x1f\x7f]*\Z", description="a name without colons")]
Cluster: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]*\Z", description="a name of letters, digits, dots, _ and -")
]

HostNames: TypeAlias = Annotated[
    tuple[str, ...],
    Meta(
        description="names like collect.example.com or *.example.com, without ports and with commas between them",
    ),
]


def expectation(kind: object) -> str:
    """Return what a type of setting takes, in words."""
    return next((str(meta.description) for meta in getattr(kind, "__metadata__", ())), str(kind))
