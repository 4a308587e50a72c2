"""Users, projects, domains, roles, tokens and the catalog (Identity API v3)."""
