"""The server's sources, destinations and connections: list, create, update.

After a create request without an answer the object is looked for first, so that nothing is made
twice. Not here: whether something is to be made (`reconciliation`).
"""

import time
from collections.abc import Callable
from typing import Any

from ingestion.errors import ServerError
from ingestion.server.client import PAGE, Client
from ingestion.server.desired import Actor

TRIES = 3
LOOK_AGAIN_SECONDS = 1.0


class Objects:
    """The objects of one workspace, as the server gives them."""

    def __init__(self, client: Client, workspace_id: str) -> None:
        self._client = client
        self._workspace_id = workspace_id
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._streams: dict[str, list[dict[str, Any]]] = {}

    def every(self, kind: str, *, anew: bool = False) -> list[dict[str, Any]]:
        """Every object of a kind in the workspace; asked for once."""
        if anew or kind not in self._found:
            self._found[kind] = list(self._client.pages(f"Listing {kind}s", self._lister(kind)))
        return self._found[kind]

    def _lister(self, kind: str) -> Callable[[Any, int], Any]:
        from airbyte_api import api

        workspaces = [self._workspace_id]
        if kind == "source":
            return lambda sdk, offset: sdk.sources.list_sources(
                request=api.ListSourcesRequest(workspace_ids=workspaces, limit=PAGE, offset=offset)
            )
        if kind == "destination":
            return lambda sdk, offset: sdk.destinations.list_destinations(
                request=api.ListDestinationsRequest(
                    workspace_ids=workspaces, limit=PAGE, offset=offset
                )
            )
        return lambda sdk, offset: sdk.connections.list_connections(
            request=api.ListConnectionsRequest(workspace_ids=workspaces, limit=PAGE, offset=offset)
        )

    def streams(self, source_id: str) -> list[dict[str, Any]]:
        """The properties of the streams that a source offers."""
        if source_id not in self._streams:
            from airbyte_api import api

            request = api.GetStreamPropertiesRequest(source_id=source_id)
            self._streams[source_id] = self._client.call(
                "Asking the source for its streams",
                lambda sdk: sdk.streams.get_stream_properties(request=request),
            )
        return self._streams[source_id]

    def create_actor(self, actor: Actor) -> str:
        """Create a source or destination; returns its id."""
        models = self._client.models
        request_of = {
            "source": models.SourceCreateRequest,
            "destination": models.DestinationCreateRequest,
        }[actor.kind]
        # The SDK's models would drop settings they do not know, or take a connector of one's own
        # for another one: the configuration goes as it is declared.
        request = request_of.model_construct(
            name=actor.name,
            workspace_id=self._workspace_id,
            definition_id=actor.definition_id,
            configuration=_configuration(actor),
        )

        def post(sdk: Any) -> Any:
            if actor.kind == "source":
                return sdk.sources.create_source(request=request)
            return sdk.destinations.create_destination(request=request)

        return self._create(actor.kind, actor.name, post)

    def create_connection(self, wanted: dict[str, Any]) -> str:
        """Create a connection; returns its id."""
        request = self._client.models.ConnectionCreateRequest.model_validate(wanted)
        return self._create(
            "connection",
            wanted["name"],
            lambda sdk: sdk.connections.create_connection(request=request),
        )

    def _create(self, kind: str, name: str, post: Callable[[Any], Any]) -> str:
        doing = f"Creating {kind} {name}"
        for left in reversed(range(TRIES)):
            try:
                return str(self._client.call(doing, post, again=False)[f"{kind}Id"])
            except ServerError as error:
                is_doubtful = error.status is None or error.status >= 500
                if not is_doubtful:
                    raise
                time.sleep(LOOK_AGAIN_SECONDS)
                for each in self.every(kind, anew=True):
                    if each["name"] == name:
                        return str(each[f"{kind}Id"])
                if not left:
                    raise
        raise AssertionError

    def update_actor(self, actor: Actor, object_id: str) -> None:
        """Replace the configuration of a source or destination."""
        from airbyte_api import api

        models, doing = self._client.models, f"Updating {actor.kind} {actor.name}"
        configuration = _configuration(actor)
        if actor.kind == "source":
            source = api.PutSourceRequest.model_construct(
                source_id=object_id,
                source_put_request=models.SourcePutRequest.model_construct(
                    name=actor.name, configuration=configuration
                ),
            )
            self._client.call(doing, lambda sdk: sdk.sources.put_source(request=source))
            return
        destination = api.PutDestinationRequest.model_construct(
            destination_id=object_id,
            destination_put_request=models.DestinationPutRequest.model_construct(
                name=actor.name, configuration=configuration
            ),
        )
        self._client.call(doing, lambda sdk: sdk.destinations.put_destination(request=destination))

    def update_connection(self, object_id: str, wanted: dict[str, Any]) -> None:
        """Bring a connection to what is wanted."""
        from airbyte_api import api

        request = api.PatchConnectionRequest(
            connection_id=object_id,
            connection_patch_request=self._client.models.ConnectionPatchRequest.model_validate(
                wanted
            ),
        )
        self._client.call(
            f"Updating connection {wanted['name']}",
            lambda sdk: sdk.connections.patch_connection(request=request),
        )


def _configuration(actor: Actor) -> dict[str, Any]:
    return actor.config if actor.type is None else {**actor.config, f"{actor.kind}Type": actor.type}
