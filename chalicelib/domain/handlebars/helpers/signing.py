"""`aws4`: signs the request whose header or address the template is part of."""

from __future__ import annotations

from typing import Any

from ...aws_signatures import Credentials, authorization, query_signature
from ..values import Refused
from .registry import Call, helper, text


@helper("aws4", 2, 5, with_call=True)
def aws4(
    call: Call, access_key: Any, secret_key: Any, session_token: Any = "", region: Any = "", service: Any = ""
) -> str:
    """The value of `Authorization`, or in an address that of `X-Amz-Signature`."""
    request = call.render.request
    if request is None:
        raise Refused("aws4 signs a request, and stands in one of its headers or in its address")
    sign = query_signature if request.is_query else authorization
    who = Credentials(text(access_key), text(secret_key), text(session_token))
    try:
        return sign(request, who, text(region), text(service), call.render.now)
    except ValueError as error:
        raise Refused("aws4 signs no address that cannot be read") from error
