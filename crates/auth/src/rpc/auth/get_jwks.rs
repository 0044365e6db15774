//! The method that returns the public keys.

use rowhouse_proto::auth::v1::{GetJwksResponse, JsonWebKey};
use rowhouse_tokens::Jwk;

use crate::rpc::Rpc;

pub(super) fn get_jwks(rpc: &Rpc) -> GetJwksResponse {
    let keys = rpc.issuer.public_keys().keys.into_iter();
    let keys =
        keys.map(|Jwk { kty, crv, alg, use_, kid, x }| JsonWebKey { kty, crv, alg, r#use: use_, kid, x });
    GetJwksResponse { keys: keys.collect() }
}
