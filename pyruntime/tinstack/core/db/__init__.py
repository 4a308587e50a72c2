"""The database: SQLAlchemy Core says what, a thin layer runs it on the raw driver (MariaDB by asyncmy, SQLite inline).

Rules that let one source serve both dialects:

- Columns hold integers, strings, bytes and JSON text only; times are integer microseconds; ids are strings.
- A statement is a SQLAlchemy Core construct. What runs often is wrapped once, at module level, by ``prepared``;
  its values are named ``bindparam``s given as keyword arguments. What is built for one request is passed as it is.
- Rows come back as ``msgspec.Struct``s: a field of type bool is made of an integer, a dict, list or Struct of JSON text.
  ``values(struct)`` goes the other way.
- ``transact(work)`` runs ``work(tx)`` in one transaction (READ COMMITTED) and again after a deadlock: ``work`` must not
  change anything but the database, and awaits nothing but its own statements.
- A unique key decides, not a look before: ``Duplicate`` is raised by the insert.
"""

from tinstack.core.db.interface import (
    Database,
    Duplicate,
    Prepared,
    Statement,
    Transaction,
    Work,
    from_json,
    prepared,
    to_json,
    values,
)
from tinstack.core.db.open import connect

__all__ = [
    "Database",
    "Duplicate",
    "Prepared",
    "Statement",
    "Transaction",
    "Work",
    "connect",
    "from_json",
    "prepared",
    "to_json",
    "values",
]
