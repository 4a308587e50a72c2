"""Which authority the other end of a connection must have its certificate from."""

import ssl


def trusting(authority: str | None) -> ssl.SSLContext | None:
    """For a connection that is encrypted: the other end must show a certificate of the authority in that file (PEM) that names
    the host as it was asked for. None where no authority is given: connections are as their URL says, checked by the system's."""
    if not authority:
        return None
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
