"""Every operation of the Image API that is there, in the reference's order."""

from tinstack.core.http import Route
from tinstack.image.handlers import data, images, info, members, tasks
from tinstack.image.metadef_routes import METADEFS
from tinstack.image.schemas.images import ADD_MEMBER, IMPORT, TASK, UPDATE_MEMBER

ONE = "/v2/images/{image_id}"

# fmt: off
ROUTES = [
    Route("GET", "/", info.versions, public=True),
    Route("GET", "/versions", info.versions, public=True),
    Route("GET", "/v2", info.versions, public=True),

    Route("POST", "/v2/images", images.create, checked=True, body={}),
    Route("GET", "/v2/images", images.index, "get_images"),
    Route("DELETE", "/v2/images", images.delete_nothing, "get_images"),
    Route("GET", ONE, images.show, checked=True),
    Route("PATCH", ONE, images.update, checked=True, body={}, media=(images.PATCH_2_1, images.PATCH_2_0)),
    Route("DELETE", ONE, images.delete, checked=True),

    Route("POST", f"{ONE}/actions/deactivate", images.deactivate, checked=True, status=204),
    Route("POST", f"{ONE}/actions/reactivate", images.reactivate, checked=True, status=204),

    Route("PUT", f"{ONE}/file", data.upload, checked=True, status=204, stream=True),
    Route("GET", f"{ONE}/file", data.download, checked=True),
    Route("PUT", f"{ONE}/stage", data.stage, checked=True, status=204, stream=True),
    Route("POST", f"{ONE}/import", data.import_image, checked=True, body=IMPORT, status=202),

    Route("GET", f"{ONE}/tasks", tasks.of_image, checked=True),
    Route("DELETE", "/v2/stores/{store}/{image_id}", data.remove_from_store, checked=True),

    Route("PUT", f"{ONE}/tags/{{tag}}", images.add_tag, checked=True, status=204),
    Route("DELETE", f"{ONE}/tags/{{tag}}", images.remove_tag, checked=True),

    Route("GET", f"{ONE}/members", members.index, checked=True),
    Route("POST", f"{ONE}/members", members.create, checked=True, body=ADD_MEMBER, status=200),
    Route("GET", f"{ONE}/members/{{member_id}}", members.show, checked=True),
    Route("PUT", f"{ONE}/members/{{member_id}}", members.update, checked=True, body=UPDATE_MEMBER),
    Route("DELETE", f"{ONE}/members/{{member_id}}", members.delete, checked=True),

    Route("GET", "/v2/schemas/{name}", info.schema, "get_images"),
    Route("GET", "/v2/info/stores", info.stores, "get_images"),
    Route("GET", "/v2/info/stores/detail", info.stores_detail, "stores_info_detail"),
    Route("GET", "/v2/info/import", info.import_methods, "get_images"),

    Route("GET", "/v2/tasks", tasks.index, "tasks_api_access"),
    Route("POST", "/v2/tasks", tasks.create, "tasks_api_access", body=TASK),
    Route("GET", "/v2/tasks/{task_id}", tasks.show, "tasks_api_access"),

    *METADEFS,
]
# fmt: on
