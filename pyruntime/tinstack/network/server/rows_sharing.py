"""Rows of what projects share with each other."""

from tinstack.network.server.rows import Owned


class RbacPolicy(Owned, kw_only=True):
    """``target`` (a project, or ``*``) may use the object. ``action``: access_as_shared or access_as_external."""

    object_type: str
    object_id: str
    action: str
    target: str
