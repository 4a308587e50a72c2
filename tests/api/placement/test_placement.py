"""Placement beside the other services: real tokens, real roles."""

from typing import Any
from uuid import uuid4


def test_users_may_not_look_and_admins_may(cloud: Any) -> None:
    assert cloud.demo.get("placement", "/resource_providers").status == 403
    assert cloud.admin.get("placement", "/resource_providers").status == 200


def test_a_project_sees_its_own_usage(cloud: Any) -> None:
    path = f"/usages?project_id={cloud.demo.project_id}"
    assert cloud.demo.get("placement", path, version="1.9").status == 200
    assert cloud.demo.get("placement", "/usages?project_id=other", version="1.9").status == 403


def test_capacity_is_sold_once(cloud: Any) -> None:
    admin, provider = cloud.admin, str(uuid4())
    made = admin.post("placement", "/resource_providers", {"uuid": provider, "name": f"rp-{provider}"}, version="1.39")
    assert (made.status, made.json["generation"]) == (200, 0)
    stock = {"inventories": {"CUSTOM_NONE": {"total": 1}}, "resource_provider_generation": 0}
    assert admin.put("placement", f"/resource_providers/{provider}/inventories", stock, version="1.39").status == 400
    stock = {"inventories": {"VGPU": {"total": 2}}, "resource_provider_generation": 0}
    assert admin.put("placement", f"/resource_providers/{provider}/inventories", stock, version="1.39").status == 200
    consumers = [str(uuid4()), str(uuid4())]
    claim = {
        "allocations": {provider: {"resources": {"VGPU": 2}}},
        "project_id": admin.project_id,
        "user_id": admin.user_id,
        "consumer_generation": None,
        "consumer_type": "TEST",
    }
    answers = [admin.put("placement", f"/allocations/{consumer}", claim, version="1.39") for consumer in consumers]
    assert [answer.status for answer in answers] == [204, 409]
    assert answers[1].json["errors"][0]["code"] == "placement.undefined_code"
    assert admin.delete("placement", f"/allocations/{consumers[0]}", version="1.39").status == 204
    assert admin.delete("placement", f"/resource_providers/{provider}", version="1.39").status == 204
