"""What handlers are given."""

from dataclasses import dataclass

from tinstack.core.auth import trace_token
from tinstack.core.db import Database
from tinstack.core.http import Request
from tinstack.core.trace import Tracer
from tinstack.image.images import Images
from tinstack.image.imports import Imports
from tinstack.image.metadefs import Metadefs
from tinstack.image.rows import Image
from tinstack.image.stores import Stores
from tinstack.image.tasks import Tasks


@dataclass(frozen=True)
class Parts:
    """The service's parts."""

    database: Database
    stores: Stores
    images: Images
    imports: Imports
    metadefs: Metadefs
    tasks: Tasks
    tracer: Tracer

    async def image(self, request: Request) -> Image:
        """The image that the path names, as far as the caller may see it."""
        return await self.images.visible(request.context, request.path["image_id"])

    def trace_token(self, request: Request) -> None:
        """Step 20: how the launch token of this request was checked."""
        trace_token(self.tracer, 20, request.context)


def target(image: Image, member: str | None = None) -> dict[str, str | None]:
    """What policy rules look at."""
    return {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility, "member_id": member}
