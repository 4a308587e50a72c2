"""Rebuild and rescue. Source: compute API reference, "Rebuild Server (rebuild Action)", "Rescue Server (rescue Action)"."""

from tinstack.api.schemas.servers import ADDRESS_OR_EMPTY_4, ADDRESS_OR_EMPTY_6, CERTS
from tinstack.api.schemas.words import (
    BASE64,
    BOOLEAN,
    DESCRIPTION,
    DISK_CONFIG,
    FQDN,
    FQDN_LABEL,
    METADATA,
    NAME,
    NULL,
    PASSWORD,
    STRING,
    UUID,
    Json,
    keyed,
    listed,
    object_of,
    wrapped,
)
from tinstack.core.http import V, versions
from tinstack.core.http.routes import parse_version


def _rebuild(text: str) -> Json:
    version = parse_version(text)
    fields: Json = {
        "name": NAME,
        "imageRef": UUID,
        "adminPass": PASSWORD,
        "metadata": METADATA,
        "preserve_ephemeral": BOOLEAN,
        "OS-DCF:diskConfig": DISK_CONFIG,
        "accessIPv4": ADDRESS_OR_EMPTY_4,
        "accessIPv6": ADDRESS_OR_EMPTY_6,
        "personality": listed(object_of(("path", "contents"), path=STRING, contents=BASE64)),
    }
    if version >= V(2, 19):
        fields["description"] = DESCRIPTION
    if version >= V(2, 54):
        fields["key_name"] = {"anyOf": [NAME, NULL]}
    if version >= V(2, 57):
        del fields["personality"]
        fields["user_data"] = {"anyOf": [{**BASE64, "maxLength": 65535}, NULL]}
    if version >= V(2, 63):
        fields["trusted_image_certificates"] = CERTS
    if version >= V(2, 90):
        fields["hostname"] = FQDN if version >= V(2, 94) else FQDN_LABEL
    return wrapped("rebuild", keyed(fields, ("imageRef",)))


REBUILD = versions(*((text, _rebuild(text)) for text in ("2.1", "2.19", "2.54", "2.57", "2.63", "2.90", "2.94")))

RESCUE = wrapped(
    "rescue",
    {"anyOf": [keyed({"adminPass": PASSWORD, "rescue_image_ref": UUID}), NULL]},
)
