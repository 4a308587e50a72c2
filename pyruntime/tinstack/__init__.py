"""tinstack: an OpenStack-API-compatible cloud for labs and bare metal."""
