"""The volume service as far as servers need it, in memory."""

from typing import Any

from aiohttp import web

Row = dict[str, Any]


class PlayedVolumes:
    """``slow``: how often a volume that was just made is still being made when it is looked at; ``refuses``: all reservations."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.attachments: dict[str, Row] = {}
        self.slow = 0
        self.refuses = False
        self.fails = False

    def routes(self, app: web.Application) -> None:
        root = "/volume/v3"
        app.router.add_get(f"{root}/attachments", self.index)
        app.router.add_post(f"{root}/attachments", self.reserve)
        app.router.add_put(f"{root}/attachments/{{id}}", self.connect)
        app.router.add_post(f"{root}/attachments/{{id}}/action", self.complete)
        app.router.add_delete(f"{root}/attachments/{{id}}", self.free)
        app.router.add_post(f"{root}/volumes", self.make)
        app.router.add_get(f"{root}/volumes/{{id}}", self.show)
        app.router.add_delete(f"{root}/volumes/{{id}}", self.delete)
        app.router.add_post(f"{root}/volumes/{{id}}/action", self.act)

    def add(self, id: str, status: str = "available") -> str:
        self.rows[id] = {"id": id, "status": status, "size": 1}
        return id

    async def index(self, request: web.Request) -> web.Response:
        wanted = request.query.get("instance_id")
        found = [one for one in self.attachments.values() if wanted in (None, one["instance"])]
        return web.json_response({"attachments": found})

    async def reserve(self, request: web.Request) -> web.Response:
        body = (await request.json())["attachment"]
        id, volume = body["attachment_id"], self.rows[body["volume_uuid"]]
        if self.refuses or (volume["status"] != "available" and id not in self.attachments):
            return web.json_response({"badRequest": {"message": "it is not available"}}, status=400)
        self.attachments.setdefault(id, {"id": id, "volume_id": volume["id"], "instance": body["instance_uuid"]})
        volume["status"] = "reserved"
        return web.json_response({"attachment": self.attachments[id]})

    async def connect(self, request: web.Request) -> web.Response:
        row = self.attachments[request.match_info["id"]]
        row["connection_info"] = {"driver_volume_type": "fake", "data": {}}
        return web.json_response({"attachment": row})

    async def complete(self, request: web.Request) -> web.Response:
        row = self.attachments[request.match_info["id"]]
        self.rows[row["volume_id"]]["status"] = "in-use"
        return web.Response(status=204)

    async def free(self, request: web.Request) -> web.Response:
        row = self.attachments.pop(request.match_info["id"], None)
        if row:
            self.rows[row["volume_id"]]["status"] = "available"
        return web.json_response({}, status=200 if row else 404)

    async def make(self, request: web.Request) -> web.Response:
        body = (await request.json())["volume"]
        self.add(body["id"], "creating")
        self.rows[body["id"]] |= {"looks": self.slow, "asked": body}
        return web.json_response({"volume": self.rows[body["id"]]}, status=202)

    async def show(self, request: web.Request) -> web.Response:
        row = self.rows.get(request.match_info["id"])
        if row is None:
            return web.json_response({}, status=404)
        if row["status"] == "creating":
            if not row["looks"]:
                row["status"] = "error" if self.fails else "available"
            row["looks"] -= 1
        return web.json_response({"volume": row})

    async def delete(self, request: web.Request) -> web.Response:
        row = self.rows.get(request.match_info["id"])
        if row is None:
            return web.json_response({}, status=404)
        if row["status"] not in ("available", "error"):
            return web.json_response({"badRequest": {"message": "it is used"}}, status=400)
        del self.rows[row["id"]]
        return web.json_response({}, status=202)

    async def act(self, request: web.Request) -> web.Response:
        row, (action,) = self.rows[request.match_info["id"]], await request.json()
        row["status"] = {"os-begin_detaching": "detaching", "os-roll_detaching": "in-use"}[action]
        return web.json_response({}, status=202)
