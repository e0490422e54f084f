"""Resolve the JVM files anew and write `jvm.lock`: `python -m embedded.lock`, after a version below was changed.

The only place that walks Maven's dependency graph; a running stack reads the lock file and nothing else.
"""

import tempfile
from pathlib import Path

from jgo.maven import Artifact as MavenArtifact
from jgo.maven import MavenContext

from embedded.artifacts import LOCK_FILE, Artifact, write_lock
from embedded.fetch import repository_url, sha256_of

KAFKA = "org.apache.kafka:kafka_2.13:4.1.2"
KAFKA_LOGGING = "org.slf4j:slf4j-simple:1.7.36"  # Kafka speaks slf4j 1.7; this binding writes to stderr, unconfigured
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3")


def resolve() -> tuple[Artifact, ...]:
    """Find Kafka with everything that it needs at run time, and the registry's distribution, sized and hashed."""
    with tempfile.TemporaryDirectory(prefix="onefold-lock-") as folder:
        context = MavenContext(repo_cache=Path(folder), remote_repos={"central": repository_url()}, timeout=120)
        wanted = [context.create_dependency(coordinate) for coordinate in (KAFKA, KAFKA_LOGGING)]
        given, transitive = context.resolver.resolve(wanted)
        files = [dependency.artifact for dependency in given]
        files += [dependency.artifact for dependency in transitive if dependency.scope in {"compile", "runtime"}]
        group, name, version = REGISTRY
        files.append(context.project(group, name).at_version(version).artifact("all", "tar.gz"))
        return tuple(_measured(file) for file in files)


def _measured(file: MavenArtifact) -> Artifact:
    name = [file.groupId, file.artifactId, file.version, file.packaging, file.classifier]
    path: Path = file.resolve()
    return Artifact(":".join(filter(None, name)), path.stat().st_size, sha256_of(path))


if __name__ == "__main__":
    write_lock(resolve())
    print(f"wrote {LOCK_FILE}")
