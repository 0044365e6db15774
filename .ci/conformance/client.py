"""Gets access tokens with authlib and checks them by the key set, and the metadata by RFC 8414."""

import os

from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
import requests

gateway, client_id, secret = (os.environ[name] for name in ("GATEWAY", "CLIENT_ID", "CLIENT_SECRET"))

# authlib takes https only, and so would any issuer but this one on the same machine.
metadata = requests.get(f"{gateway}/.well-known/oauth-authorization-server", timeout=10).json()
AuthorizationServerMetadata({
    name: value.replace("http://", "https://") if isinstance(value, str) else value for name, value in metadata.items()
}).validate()
assert metadata["issuer"] == gateway, metadata


# The algorithm of RFC 8037, which joserfc knows but takes only when it is named.
JWSRegistry.recommended.append("EdDSA")


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())


validator = Validator(issuer=metadata["issuer"], resource_server="rowhouse")


def check(text, client, scopes):
    token = validator.authenticate_token(text)
    validator.validate_token(token, scopes, None)
    assert token["client_id"] == client, token


for method in metadata["token_endpoint_auth_methods_supported"]:
    session = OAuth2Session(client_id, secret, scope="orders:read", token_endpoint_auth_method=method)
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    check(token["access_token"], client_id, ["orders:read"])
    assert session.get(f"{gateway}/v1/orders").status_code == 200

    for secret_sent, scope, error in [("wrong", "orders:read", "invalid_client"), (secret, "root", "invalid_scope")]:
        session = OAuth2Session(client_id, secret_sent, scope=scope, token_endpoint_auth_method=method)
        try:
            session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        except OAuthError as refused:
            assert refused.error == error and refused.description, refused
        else:
            raise AssertionError(f"{method}: {error} was expected")

check(os.environ["PERSON"], "rowhouse", None)
print("authlib accepts the tokens and the metadata")
