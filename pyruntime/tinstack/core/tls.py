"""Which authority the other end of a connection must have its certificate from."""

import ssl

from tinstack.core.config import HostTls


def trusting(authority: str | None) -> ssl.SSLContext | None:
    """For a connection that is encrypted: the other end must show a certificate of the authority in that file (PEM) that names
    the host as it was asked for. None where no authority is given: connections are as their URL says, checked by the system's."""
    if not authority:
        return None
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def between_hosts(tls: HostTls, *, server: bool) -> ssl.SSLContext:
    """For a connection where both ends show the certificate of a host of the lab. Read anew each time: certificates are renewed."""
    purpose = ssl.Purpose.CLIENT_AUTH if server else ssl.Purpose.SERVER_AUTH
    context = ssl.create_default_context(purpose, cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tls.cert, tls.key)
    return context
