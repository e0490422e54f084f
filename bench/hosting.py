"""`python -m bench.hosting STAGE ...`: a worker process that carries only some stages; all else is the worker's."""

import logging
import sys
from functools import partial

import definitions
from onefold.examples import SHOP
from runtime.http.endpoint import Endpoint
from runtime.kafka.partitions import partition_of
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.codec import Codec
from schemas.registry import Registry
from settings import load
from streams.__main__ import run
from streams.adoption import unchanging
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.app import host
from streams.phases import AnyStage


def main() -> int:
    """Run until told to stop. Returns the exit code."""
    logging.basicConfig(level=logging.WARNING)
    settings = load()
    codec = Codec(Registry(settings.registry))
    defined = definitions.load(SHOP)
    program = definitions.compile_program(defined)
    in_partition = partial(partition_of, partitions=settings.partitions)
    stages: dict[str, AnyStage] = {
        "resolve": ResolveStage(settings.workspaces, defined.identity, codec, in_partition),
        "graph": GraphStage(settings.workspaces, defined.identity, codec),
        "profile": ProfileStage(settings.workspaces, unchanging(program, settings.workspaces), defined.identity, codec),
    }
    create_topics(
        settings.kafka, topics.configurations(program.destinations), settings.partitions, settings.replication
    )
    app = host(settings, [stages[name] for name in sys.argv[1:]])
    endpoint = Endpoint(settings.serving.http_host, settings.serving.worker_metrics_port, lambda: None)
    try:
        return run(app, settings)
    finally:
        endpoint.close()


if __name__ == "__main__":
    sys.exit(main())
