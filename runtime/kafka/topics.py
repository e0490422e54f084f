"""Creates topics. Which there are, and how they are kept, is left to `schemas`."""

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from runtime.kafka.errors import errors_sorted


def create_topics(
    kafka: str,
    configurations: Mapping[str, Mapping[str, str]],
    partitions: int,
    replication: int,
    *,
    timeout_s: float = 30.0,
) -> None:
    """Create the topics that do not exist yet: name -> broker settings. Raises TransientError or TerminalError."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    with errors_sorted(kafka):
        existing = admin.list_topics(timeout=timeout_s).topics
        missing = [
            NewTopic(name, num_partitions=partitions, replication_factor=replication, config=dict(configuration))
            for name, configuration in configurations.items()
            if name not in existing
        ]
        if not missing:
            return
        for future in admin.create_topics(missing, operation_timeout=timeout_s).values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
