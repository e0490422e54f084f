"""Says which destinations lack a secret in an environment. The deliverer's counts: whoever asks elsewhere says so."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from definitions.destinations import Destination
from sinks.destinations.secrets import missing_secrets


def lacking_secrets(destinations: Iterable[Destination], environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return by destination with a receiver what is not where its definition says; no value is shown."""
    found = {each.name: tuple(dict.fromkeys(missing_secrets(each.receiver, environ))) for each in destinations}
    return {name: texts for name, texts in found.items() if texts}


def lacking_at_start(lacking: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield what a stack says that has started its deliverer in this environment."""
    for name, texts in lacking.items():
        yield f"{name} cannot be opened, its deliveries wait: {' and '.join(texts)}"
    if lacking:
        yield "variables are those of this 'onefold up', which starts the deliverer: set them, and start it again"


def lacking_here(lacking: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield what a command says that runs elsewhere than the deliverer, maybe."""
    for name, texts in lacking.items():
        yield f"{name}: {' and '.join(texts)} here; where the deliverer lacks it as well, its deliveries wait"
