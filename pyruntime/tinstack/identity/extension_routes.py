"""The part of the table that the reference has under credentials, limits and the extensions (``OS-…``)."""

from tinstack.core.http import Route
from tinstack.identity.handlers import credentials, trusts
from tinstack.identity.schemas import credentials as credential_schema
from tinstack.identity.schemas import trusts as trust_schema

CREDENTIALS = [
    Route("GET", "/credentials", credentials.index, checked=True),
    Route("POST", "/credentials", credentials.create, checked=True, body=credential_schema.CREATE),
    Route("GET", "/credentials/{credential_id}", credentials.show, checked=True),
    Route("PATCH", "/credentials/{credential_id}", credentials.update, checked=True, body=credential_schema.UPDATE),
    Route("DELETE", "/credentials/{credential_id}", credentials.delete, checked=True),
]

_EC2 = "/users/{user_id}/credentials/OS-EC2"
EC2 = [
    Route("GET", _EC2, credentials.ec2_index, checked=True),
    Route("POST", _EC2, credentials.ec2_create, checked=True, body=credential_schema.EC2_CREATE),
    Route("GET", _EC2 + "/{access}", credentials.ec2_show, checked=True),
    Route("DELETE", _EC2 + "/{access}", credentials.ec2_delete, checked=True),
]

_TRUSTS = "/OS-TRUST/trusts"
TRUSTS = [
    Route("GET", _TRUSTS, trusts.index, checked=True),
    Route("POST", _TRUSTS, trusts.create, checked=True, body=trust_schema.CREATE),
    Route("GET", _TRUSTS + "/{trust_id}", trusts.show, checked=True),
    Route("DELETE", _TRUSTS + "/{trust_id}", trusts.delete, checked=True),
    Route("GET", _TRUSTS + "/{trust_id}/roles", trusts.roles, checked=True),
    Route("GET", _TRUSTS + "/{trust_id}/roles/{role_id}", trusts.role, checked=True),
    Route("HEAD", _TRUSTS + "/{trust_id}/roles/{role_id}", trusts.check_role, checked=True, status=200),
]

EXTENSIONS = [*CREDENTIALS, *EC2, *TRUSTS]
