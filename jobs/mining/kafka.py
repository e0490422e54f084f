"""Says on `definitions` what came of a refresh."""

from definitions.sets import Publication
from definitions.sets.refreshes import Refresh, refresh_record
from jobs.definitions_topic import DefinitionsTopic
from jobs.mining.attempts import begun, ended


class KafkaRefreshes:
    """See `protocols.RefreshTopic`. For one thread."""

    def __init__(self, topic: DefinitionsTopic) -> None:
        self._topic = topic

    def read(self) -> Publication:
        """See `protocols.RefreshTopic`."""
        return self._topic.read()

    def begin(self, workspace: str, trait: str, refresh: Refresh) -> Refresh:
        """See `protocols.RefreshTopic`."""
        return self._topic.follow_up(
            workspace,
            lambda said: begun(said, workspace, trait, refresh),
            lambda _, following: refresh_record(workspace, trait, following),
        )

    def end(self, workspace: str, trait: str, refresh: Refresh) -> None:
        """See `protocols.RefreshTopic`."""
        self._topic.follow_up(
            workspace,
            lambda said: ended(said, workspace, trait, refresh),
            lambda _, following: refresh_record(workspace, trait, following),
        )
