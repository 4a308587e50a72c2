"""Two hundred ask at once for what is there for a few: exactly so many get it, the others hear why not.

What is given back is sold again.
"""

import importlib.util
from pathlib import Path

import pytest

CROWD = 200

_spec = importlib.util.spec_from_file_location("goods", Path(__file__).with_name("goods.py"))
goods = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(goods)


@pytest.fixture(params=goods.GOODS, ids=lambda kind: kind.__name__)
def good(request, rig, tenant, wish):
    made = request.param(rig, tenant, wish)
    yield made
    made.tenant.crowd(made.give_back(id) for id in made.there())
    made.until(lambda: not made.there(), "not everything could be given back")


def told(good, replies):
    """How many were sold; every other reply is the exact refusal."""
    wrong = [reply for reply in replies if not good.sold(reply) and not good.refused(reply)]
    assert not wrong, (len(wrong), wrong[:3])
    return sum(good.sold(reply) for reply in replies)


def test_exactly_what_fits_is_sold(good):
    replies = good.tenant.crowd(good.ask() for _ in range(CROWD))
    assert told(good, replies) == good.fits == len(good.there())
    good.settle()
    assert len(good.there()) == good.fits


def test_what_is_given_back_is_sold_again(good):
    replies = good.tenant.crowd(good.ask() for _ in range(good.fits))
    assert told(good, replies) == good.fits
    good.settle()
    leaving = good.there()[: good.fits // 2]
    wishes = [good.ask() for _ in range(CROWD - len(leaving))]
    for place, id in enumerate(leaving):
        wishes.insert(place * 5, good.give_back(id))
    replies = good.tenant.crowd(wishes)
    gone = [reply for wish, reply in zip(wishes, replies, strict=True) if wish.method == "DELETE"]
    assert all(reply.status in (202, 204) for reply in gone), gone
    came = told(good, [reply for wish, reply in zip(wishes, replies, strict=True) if wish.method != "DELETE"])
    assert came <= len(leaving), "more were sold than there was room for"
    good.settle()
    assert len(good.there()) == good.fits - len(leaving) + came, (
        "what was asked for is there, what was given back is not"
    )
    left = len(leaving) - came
    replies = good.tenant.crowd(good.ask() for _ in range(CROWD // 4))
    assert told(good, replies) == left, "what was given back is sold again, to the last"
    good.settle()
    assert len(good.there()) == good.fits
