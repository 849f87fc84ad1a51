"""What the pages and the API of the policy books share."""

from __future__ import annotations

from dataclasses import replace

from overt.faces.http.rooms import WebRooms
from overt.services.publishing import PublishingRooms


def publishing_of(rooms: WebRooms) -> PublishingRooms:
    """What publishing needs, with the law as it is read today: this process may have begun on another day."""
    publishing = rooms.policies.publishing
    return replace(publishing, known=replace(publishing.known, on=publishing.clock.today()))
