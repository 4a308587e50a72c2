"""Asking the host by its own commands."""

import subprocess


def output(*command: str, seconds: float = 5.0) -> str:
    """What a command prints; nothing where it fails, is not there, or takes too long."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
