"""HTTP as all our APIs need it, on Falcon: a table of routes, microversions, JSON schemas, policy, errors, request ids."""

from tinstack.core.http.app import Api, build
from tinstack.core.http.paging import Page, page_of
from tinstack.core.http.request import Query, Request, Response
from tinstack.core.http.routes import Microversions, Route, V, Version, since, versions

__all__ = [
    "Api",
    "Microversions",
    "Page",
    "Query",
    "Request",
    "Response",
    "Route",
    "V",
    "Version",
    "build",
    "page_of",
    "since",
    "versions",
]
