"""Loads every service and the clients of the backends, and no more: what is loaded here is shared by all that is forked from it."""

import gc
import importlib

from tinstack import main, running
from tinstack.core import db
from tinstack.core.bus import amqp
from tinstack.core.db import mariadb
from tinstack.core.http import serve
from tinstack.identity import bootstrap

__all__ = ["amqp", "bootstrap", "db", "main", "mariadb", "serve"]

for _name, _package in running.PACKAGES.items():
    if _name != "network-agent":  # only simulated ones run here
        importlib.import_module(f"{_package}.service")
importlib.import_module("tinstack.dev.fleet")
importlib.import_module("tinstack.dev.content")
gc.collect()
gc.freeze()
