"""From a URL to a bus."""

from tinstack.core.bus.interface import Bus
from tinstack.core.bus.memory import Hub, MemoryBus
from tinstack.core.config import BusConfig, ConfigError


def connect(config: BusConfig, user: str, hub: Hub | None = None) -> Bus:
    """The bus that the URL names, not yet opened. ``user``: who this process is on it (``memory:`` only).

    Raises ConfigError for a scheme that is not served.
    """
    if config.url.startswith("memory:"):
        return MemoryBus(hub or Hub(), user, config.side)
    if config.url.startswith(("amqp:", "amqps:")):
        from tinstack.core.bus.amqp import AmqpBus

        return AmqpBus(config)
    raise ConfigError(f"The bus URL '{config.url}' is neither amqp:, amqps: nor memory:.")
