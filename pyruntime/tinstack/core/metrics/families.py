"""Every metric that there is. docs/metrics.md is generated from this list; alert rules name nothing else.

``service`` is the service's name (``identity``, ``compute`` …), as several may share a process; the host is Prometheus' ``instance``.
"""

from tinstack.core.metrics.tallies import Counter, Family, Gauge, Histogram

REQUESTS = Counter(
    "tinstack_http_requests",
    "Requests answered, by service, route of its table, action (where the route has several) and status.",
    "service", "method", "route", "action", "status",
)  # fmt: skip
REQUEST_SECONDS = Histogram(
    "tinstack_http_request_seconds",
    "From the first header of a request to its answer's.",
    "service", "method", "route", "action",
)  # fmt: skip

MESSAGES = Counter(
    "tinstack_bus_messages",
    "Messages taken from a queue, by outcome: ok, failed, refused (its sender may not say that), late (past its deadline, dropped).",
    "service", "message", "outcome",
)  # fmt: skip
MESSAGE_SECONDS = Histogram(
    "tinstack_bus_message_seconds", "From taking a message to its end.", "service", "message"
)  # fmt: skip
PUBLISH_FAILURES = Counter(
    "tinstack_bus_publish_failures", "Messages that RabbitMQ did not take in time.", "service", "message"
)
CALL_TIMEOUTS = Counter(
    "tinstack_bus_call_timeouts", "Calls that nobody answered before their deadline.", "service", "topic", "message"
)
QUEUE_MESSAGES = Gauge("tinstack_bus_queue_messages", "Messages that wait in a queue of the bus.", "queue")
QUEUE_CONSUMERS = Gauge("tinstack_bus_queue_consumers", "Processes that take from a queue of the bus.", "queue")

STATEMENT_SECONDS = Histogram("tinstack_database_statement_seconds", "Each statement at the database.", "database")
TRANSACTIONS = Counter(
    "tinstack_database_transactions",
    "Transactions by how they ended: committed, rolled_back, again (a deadlock, run once more), lost (the connection broke).",
    "database", "outcome",
)  # fmt: skip
UNREACHABLE = Counter("tinstack_database_unreachable", "Connections that could not be made.", "database")
CONNECTIONS = Gauge(
    "tinstack_database_connections", "Connections of the pool by state: used, idle, and limit.", "database", "state"
)

STEP_SECONDS = Histogram(
    "tinstack_flow_step_seconds", "The steps of a server's creation that this process took.", "step", "name"
)
STEPS_TAKEN = Counter(
    "tinstack_flow_steps",
    "The same by outcome: ok, cached, none (nothing to do), retried, failed.",
    "step", "name", "outcome",
)  # fmt: skip
OPERATIONS = Gauge(
    "tinstack_operations", "Long operations under way, by kind and state: running, overdue.", "kind", "state"
)
OLDEST_OPERATION = Gauge("tinstack_operation_oldest_seconds", "Age of the oldest operation under way, 0 without one.")

CAPACITY = Gauge(
    "tinstack_capacity",
    "Of each resource of a compute host (VCPU, MEMORY_MB, DISK_GB): sold, and total that can be sold.",
    "host", "resource", "figure",
)  # fmt: skip
AGENT_AGE = Gauge(
    "tinstack_agent_age_seconds", "Since an agent or service was last heard of; disabled ones count as well.",
    "agent", "host",
)  # fmt: skip
PORTS = Gauge("tinstack_ports", "Ports by status: ACTIVE, DOWN, BUILD, ERROR.", "status")

PERIODIC_LAST = Gauge(
    "tinstack_periodic_last_success_timestamp_seconds", "When work that is done again and again last succeeded.", "work"
)
PERIODIC_FAILURES = Counter("tinstack_periodic_failures", "Turns of such work that failed.", "work")

CERTIFICATE = Gauge(
    "tinstack_certificate_expiry_timestamp_seconds", "When the certificate in that file ends.", "file"
)  # fmt: skip
BUILD = Gauge("tinstack_build_info", "Always 1; says what runs.", "version", "python", "services")
SOURCE_FAILURES = Counter(
    "tinstack_scrape_source_failures", "Figures that could not be had when they were asked for.", "source"
)

FAMILIES: tuple[Family, ...] = (
    REQUESTS,
    REQUEST_SECONDS,
    MESSAGES,
    MESSAGE_SECONDS,
    PUBLISH_FAILURES,
    CALL_TIMEOUTS,
    QUEUE_MESSAGES,
    QUEUE_CONSUMERS,
    STATEMENT_SECONDS,
    TRANSACTIONS,
    UNREACHABLE,
    CONNECTIONS,
    STEP_SECONDS,
    STEPS_TAKEN,
    OPERATIONS,
    OLDEST_OPERATION,
    CAPACITY,
    AGENT_AGE,
    PORTS,
    PERIODIC_LAST,
    PERIODIC_FAILURES,
    CERTIFICATE,
    BUILD,
    SOURCE_FAILURES,
)

METRICS_PORTS = {
    "identity": 15000,
    "api": 18774,
    "volume": 18776,
    "placement": 18778,
    "image": 19292,
    "network": 19696,
    "conductor": 18780,
    "scheduler": 18781,
    "compute": 18782,
    "network-agent": 18783,
    "console": 16080,
}
"""Ten thousand above the API's port; services without one follow placement's."""
