"""Places where volumes are: each driver is a small class that fulfils ``interface.Driver``."""
