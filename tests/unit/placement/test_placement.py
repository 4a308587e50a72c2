"""Placement: providers, inventories, and the selling of capacity."""

import asyncio
from typing import Any
from uuid import uuid4

OWNER = {"project_id": "p1", "user_id": "alice", "consumer_type": "INSTANCE"}


def claim(provider: str, generation: int | None = None, **resources: int) -> dict[str, Any]:
    return {**OWNER, "allocations": {provider: {"resources": resources}}, "consumer_generation": generation}


def code(answer: Any) -> str:
    return str(answer.json["errors"][0]["code"])


async def generation(client: Any, consumer: str) -> int:
    found: int = (await client("GET", f"/allocations/{consumer}")).json["consumer_generation"]
    return found


async def test_the_versions_document_needs_no_token(client: Any) -> None:
    answer = await client("GET", "/", token=None)
    assert answer.status_code == 200
    assert answer.json["versions"][0]["max_version"] == "1.39"


async def test_a_version_outside_the_range_is_406(client: Any) -> None:
    assert (await client("GET", "/traits", version="1.99")).status_code == 406
    assert (await client("GET", "/traits", version="1.5")).status_code == 404


async def test_only_admin_and_services_may(client: Any) -> None:
    assert (await client("GET", "/resource_providers", token=None)).status_code == 401
    assert (await client("GET", "/resource_providers", token="member")).status_code == 403
    assert (await client("GET", "/resource_providers", token="host")).status_code == 403
    assert (await client("GET", "/resource_providers", token="admin")).status_code == 200


async def test_a_provider_is_shown_with_generation_and_links(client: Any, provider: Any) -> None:
    uuid = await provider("one", VCPU=2)
    shown = (await client("GET", f"/resource_providers/{uuid}")).json
    assert shown["generation"] == 1
    assert shown["root_provider_uuid"] == uuid
    assert {link["rel"] for link in shown["links"]} == {
        "self",
        "inventories",
        "usages",
        "aggregates",
        "traits",
        "allocations",
    }
    old = (await client("GET", f"/resource_providers/{uuid}", version="1.0")).json
    assert "parent_provider_uuid" not in old


async def test_two_providers_of_one_name_are_refused(client: Any, provider: Any) -> None:
    await provider("one")
    answer = await client("POST", "/resource_providers", {"name": "one"})
    assert (answer.status_code, code(answer)) == (409, "placement.duplicate_name")


async def test_a_stale_generation_is_refused(client: Any, provider: Any) -> None:
    uuid = await provider("one", VCPU=2)
    body = {"inventories": {}, "resource_provider_generation": 0}
    answer = await client("PUT", f"/resource_providers/{uuid}/inventories", body)
    assert (answer.status_code, code(answer)) == (409, "placement.concurrent_update")


async def test_a_claim_is_sold_once(client: Any, provider: Any) -> None:
    uuid, first, second = await provider("one", VCPU=4, MEMORY_MB=1024), str(uuid4()), str(uuid4())
    assert (await client("PUT", f"/allocations/{first}", claim(uuid, VCPU=3, MEMORY_MB=512))).status_code == 204
    answer = await client("PUT", f"/allocations/{second}", claim(uuid, VCPU=2))
    assert answer.status_code == 409
    assert "exceed the capacity" in answer.json["errors"][0]["detail"]
    assert (await client("GET", f"/allocations/{second}")).json == {"allocations": {}}
    usages = (await client("GET", f"/resource_providers/{uuid}/usages")).json["usages"]
    assert usages == {"VCPU": 3, "MEMORY_MB": 512}


async def test_a_claim_is_replaced_by_its_generation(client: Any, provider: Any) -> None:
    uuid, consumer = await provider("one", VCPU=4), str(uuid4())
    assert (await client("PUT", f"/allocations/{consumer}", claim(uuid, VCPU=3))).status_code == 204
    again = await client("PUT", f"/allocations/{consumer}", claim(uuid, VCPU=4))
    assert (again.status_code, code(again)) == (409, "placement.concurrent_update")
    first = await generation(client, consumer)
    assert (await client("PUT", f"/allocations/{consumer}", claim(uuid, first, VCPU=4))).status_code == 204
    held = (await client("GET", f"/allocations/{consumer}")).json
    assert held["consumer_generation"] == first + 1
    assert held["allocations"][uuid]["resources"] == {"VCPU": 4}


async def test_who_read_a_claim_that_is_gone_changes_nothing_of_the_next(client: Any, provider: Any) -> None:
    """A claim is made anew under the same id: what was read of the one before is no key to it."""
    uuid, consumer = await provider("one", VCPU=4), str(uuid4())
    await client("PUT", f"/allocations/{consumer}", claim(uuid, VCPU=3))
    read = await generation(client, consumer)
    assert (await client("DELETE", f"/allocations/{consumer}")).status_code == 204
    await client("PUT", f"/allocations/{consumer}", claim(uuid, VCPU=2))
    late = await client("PUT", f"/allocations/{consumer}", {**claim(uuid, read), "allocations": {}})
    assert (late.status_code, code(late)) == (409, "placement.concurrent_update")
    assert (await client("GET", f"/allocations/{consumer}")).json["allocations"][uuid]["resources"] == {"VCPU": 2}


async def test_below_1_28_the_same_claim_may_be_made_again(client: Any, provider: Any) -> None:
    uuid, consumer = await provider("one", VCPU=4), str(uuid4())
    body = {"allocations": {uuid: {"resources": {"VCPU": 4}}}, "project_id": "p1", "user_id": "alice"}
    for _ in range(2):
        assert (await client("PUT", f"/allocations/{consumer}", body, version="1.12")).status_code == 204


async def test_sellers_at_once_do_not_oversell(client: Any, provider: Any) -> None:
    uuid = await provider("one", VCPU=5)
    answers = await asyncio.gather(*(client("PUT", f"/allocations/{uuid4()}", claim(uuid, VCPU=1)) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [204] * 5 + [409] * 7


async def test_ratio_and_reserve_make_the_capacity(client: Any, provider: Any) -> None:
    uuid = await provider("one")
    body = {
        "inventories": {"VCPU": {"total": 4, "reserved": 2, "allocation_ratio": 2.5}},
        "resource_provider_generation": 1,
    }
    assert (await client("PUT", f"/resource_providers/{uuid}/inventories", body)).status_code == 200
    assert (await client("PUT", f"/allocations/{uuid4()}", claim(uuid, VCPU=6))).status_code == 409
    assert (await client("PUT", f"/allocations/{uuid4()}", claim(uuid, VCPU=5))).status_code == 204


async def test_what_is_sold_keeps_inventory_and_provider(client: Any, provider: Any) -> None:
    uuid, consumer = await provider("one", VCPU=4), str(uuid4())
    await client("PUT", f"/allocations/{consumer}", claim(uuid, VCPU=1))
    answer = await client("DELETE", f"/resource_providers/{uuid}/inventories")
    assert (answer.status_code, code(answer)) == (409, "placement.inventory.inuse")
    assert (await client("DELETE", f"/resource_providers/{uuid}")).status_code == 409
    assert (await client("DELETE", f"/allocations/{consumer}")).status_code == 204
    assert (await client("DELETE", f"/allocations/{consumer}")).status_code == 404
    assert (await client("DELETE", f"/resource_providers/{uuid}")).status_code == 204


async def test_several_consumers_are_changed_together_or_not_at_all(client: Any, provider: Any) -> None:
    uuid, one, two = await provider("one", VCPU=4), str(uuid4()), str(uuid4())
    assert (
        await client("POST", "/allocations", {one: claim(uuid, VCPU=3), two: claim(uuid, VCPU=3)})
    ).status_code == 409
    assert (await client("GET", f"/allocations/{one}")).json == {"allocations": {}}
    assert (
        await client("POST", "/allocations", {one: claim(uuid, VCPU=3), two: claim(uuid, VCPU=1)})
    ).status_code == 204
    first, second = await generation(client, one), await generation(client, two)
    moved = {one: {**OWNER, "allocations": {}, "consumer_generation": first}, two: claim(uuid, second, VCPU=4)}
    assert (await client("POST", "/allocations", moved)).status_code == 204


async def test_sellers_of_several_claims_at_once_do_not_oversell(client: Any, provider: Any) -> None:
    uuid, other = await provider("one", VCPU=5), await provider("other", VCPU=50)
    pairs = [{str(uuid4()): claim(uuid, VCPU=1), str(uuid4()): claim(other, VCPU=1)} for _ in range(6)]
    pairs += [{str(uuid4()): claim(uuid, VCPU=1), str(uuid4()): claim(uuid, VCPU=1)} for _ in range(4)]
    answers = await asyncio.gather(*(client("POST", "/allocations", pair) for pair in pairs))
    assert {answer.status_code for answer in answers} == {204, 409}
    wanted = [sum(uuid in one["allocations"] for one in pair.values()) for pair in pairs]
    sold = sum(number for number, answer in zip(wanted, answers, strict=True) if answer.status_code == 204)
    assert sold <= 5
    usages = (await client("GET", f"/resource_providers/{uuid}/usages")).json["usages"]
    assert usages == {"VCPU": sold}


async def test_what_is_wrong_with_one_of_several_claims_leaves_all_undone(client: Any, provider: Any) -> None:
    uuid, old, new, nowhere = await provider("one", VCPU=4), str(uuid4()), str(uuid4()), str(uuid4())
    await client("PUT", f"/allocations/{old}", claim(uuid, VCPU=1))
    again = await client("POST", "/allocations", {old: claim(uuid, VCPU=1), new: claim(uuid, VCPU=1)})
    assert (again.status_code, code(again)) == (409, "placement.concurrent_update")
    lost = await client("POST", "/allocations", {str(uuid4()): claim(nowhere, VCPU=1), new: claim(uuid, VCPU=1)})
    assert lost.status_code == 400 and nowhere in lost.text
    assert (await client("GET", f"/allocations/{new}")).json == {"allocations": {}}
    assert (await client("GET", f"/resource_providers/{uuid}/usages")).json["usages"] == {"VCPU": 1}


async def test_a_project_sees_its_own_usage(client: Any, provider: Any) -> None:
    uuid = await provider("one", VCPU=4)
    await client("PUT", f"/allocations/{uuid4()}", claim(uuid, VCPU=1))
    own = await client("GET", "/usages?project_id=p1", token="member")
    assert own.json == {"usages": {"INSTANCE": {"VCPU": 1, "consumer_count": 1}}}
    assert (await client("GET", "/usages?project_id=p1", version="1.9")).json == {"usages": {"VCPU": 1}}
    assert (await client("GET", "/usages?project_id=p2", token="member")).status_code == 403


async def test_candidates_are_the_hosts_with_room(client: Any, provider: Any) -> None:
    big, small = await provider("big", VCPU=8, MEMORY_MB=4096), await provider("small", VCPU=2, MEMORY_MB=512)
    answer = await client("GET", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:256")
    assert {id for one in answer.json["allocation_requests"] for id in one["allocations"]} == {big, small}
    answer = await client("GET", "/allocation_candidates?resources=VCPU:4")
    assert answer.json["allocation_requests"] == [
        {"allocations": {big: {"resources": {"VCPU": 4}}}, "mappings": {"": [big]}}
    ]
    assert answer.json["provider_summaries"][big]["resources"]["VCPU"] == {"capacity": 8, "used": 0}
    assert (
        len((await client("GET", "/allocation_candidates?resources=VCPU:1&limit=1")).json["allocation_requests"]) == 1
    )
    assert (await client("GET", "/allocation_candidates?resources=NO_SUCH:1")).status_code == 400


async def test_candidates_by_trait_aggregate_and_tree(client: Any, provider: Any) -> None:
    one, two, group = await provider("one", VCPU=8), await provider("two", VCPU=8), str(uuid4())
    await client("PUT", "/traits/CUSTOM_FAST")
    body = {"traits": ["CUSTOM_FAST", "HW_CPU_X86_AVX2"], "resource_provider_generation": 1}
    assert (await client("PUT", f"/resource_providers/{one}/traits", body)).status_code == 200
    body = {"aggregates": [group], "resource_provider_generation": 1}
    assert (await client("PUT", f"/resource_providers/{two}/aggregates", body)).status_code == 200

    async def found(query: str) -> set[str]:
        answer = await client("GET", f"/allocation_candidates?resources=VCPU:1&{query}")
        assert answer.status_code == 200, answer.text
        return {id for entry in answer.json["allocation_requests"] for id in entry["allocations"]}

    assert await found("required=CUSTOM_FAST") == {one}
    assert await found("required=!CUSTOM_FAST") == {two}
    assert await found("required=in:CUSTOM_FAST,HW_CPU_X86_VMX") == {one}
    assert await found(f"member_of={group}") == {two}
    assert await found(f"member_of=!{group}") == {one}
    assert await found(f"in_tree={one}") == {one}
    assert (await client("DELETE", "/traits/CUSTOM_FAST")).status_code == 409


async def test_a_tree_answers_together(client: Any, provider: Any) -> None:
    host = await provider("host", VCPU=8)
    nic = await provider("nic", parent=host, SRIOV_NET_VF=2)
    answer = await client(
        "GET", "/allocation_candidates?resources=VCPU:1&resources_NET=SRIOV_NET_VF:1&group_policy=none"
    )
    assert answer.json["allocation_requests"] == [
        {
            "allocations": {host: {"resources": {"VCPU": 1}}, nic: {"resources": {"SRIOV_NET_VF": 1}}},
            "mappings": {"": [host], "_NET": [nic]},
        }
    ]
    answer = await client("DELETE", f"/resource_providers/{host}")
    assert code(answer) == "placement.resource_provider.cannot_delete_parent"


async def test_custom_resource_classes(client: Any, provider: Any) -> None:
    uuid = await provider("one")
    body = {"inventories": {"CUSTOM_GOLD": {"total": 4}}, "resource_provider_generation": 1}
    assert (await client("PUT", f"/resource_providers/{uuid}/inventories", body)).status_code == 400
    assert (await client("PUT", "/resource_classes/CUSTOM_GOLD")).status_code == 201
    assert (await client("PUT", "/resource_classes/CUSTOM_GOLD")).status_code == 204
    assert (await client("PUT", f"/resource_providers/{uuid}/inventories", body)).status_code == 200
    assert (await client("DELETE", "/resource_classes/CUSTOM_GOLD")).status_code == 409
    assert (await client("DELETE", "/resource_classes/VCPU")).status_code == 400


async def test_a_bad_body_names_what_is_wrong(client: Any) -> None:
    answer = await client("POST", "/resource_providers", {"name": ""})
    assert answer.status_code == 400
    assert "JSON does not validate" in answer.json["errors"][0]["detail"]


async def test_a_generation_that_no_database_can_hold_is_a_bad_body(client: Any, provider: Any) -> None:
    uuid = await provider("big")
    body = {"inventories": {}, "resource_provider_generation": 2**63}
    assert (await client("PUT", f"/resource_providers/{uuid}/inventories", body)).status_code == 400
