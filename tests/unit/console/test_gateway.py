"""What the gateway tells of requests to consoles."""

import re
from pathlib import Path

TEMPLATE = Path(__file__).parents[3] / "roles" / "gateway" / "templates" / "haproxy.cfg.j2"


def test_a_consoles_token_is_in_no_line_of_the_gateways_journal() -> None:
    """HAProxy's own formats hold the whole request (%r) or URI (%HU, %HQ), and the token is in its query."""
    text = TEMPLATE.read_text()
    (told,) = re.findall(r"^  log-format (.*)$", text, re.MULTILINE)
    assert "%HP" in told and not re.search(r"%(\{[^}]*\})?(r|HU|HQ)\b", told)
    assert not re.search(r"^\s*option (http|tcp)s?log\b|^\s*error-log-format", text, re.MULTILINE)
