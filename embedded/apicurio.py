"""The process of the schema registry: Apicurio, its Confluent-compatible API, its schemas in a Kafka topic."""

from pathlib import Path

from embedded.java import QUICKLY, java_command, java_environment
from embedded.steps import ProcessSpec, http_ready
from runtime.loopback import LOOPBACK

CONFLUENT_API = "/apis/ccompat/v7"
_HEAP_MB = 256


def registry_process(folder: Path, port: int, kafka: str) -> ProcessSpec:
    """Return the registry on `port`, from the distribution unpacked in `folder`, with its state in `kafka`."""
    flags = (QUICKLY, "-Djava.util.logging.manager=org.jboss.logmanager.LogManager")
    environment = java_environment() | {
        "QUARKUS_HTTP_HOST": LOOPBACK,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
        "QUARKUS_MANAGEMENT_PORT": "0",  # any free one: nobody calls it
        "QUARKUS_LOG_CONSOLE_COLOR": "false",
        "APICURIO_STORAGE_KIND": "kafkasql",
        "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": kafka,
        # At every start it polls four times what is empty: 20 s by default.
        "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "500",
    }
    return ProcessSpec(
        name="registry",
        title="Schema registry",
        command=[*java_command(_HEAP_MB, flags), "-jar", str(folder / "quarkus-run.jar")],
        environment=environment,
        ready=http_ready(port, f"{CONFLUENT_API}/subjects"),
        after=("kafka",),
        start_within_s=180.0,
    )
