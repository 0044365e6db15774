//! The token and the tenant of outgoing gRPC calls.

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use crate::TenantId;
use crate::grpc::TENANT_ID_KEY;

/// Adds a token and its tenant to the metadata of an outgoing call. `bearer` is a token that the callee verifies:
/// the caller's own, or one that this service signed.
///
/// A valid token has visible ASCII characters only. Any other is left out, so that the callee refuses the call.
pub fn carry_token(metadata: &mut MetadataMap, tenant: TenantId, bearer: &str) {
    if let Ok(mut value) = MetadataValue::<Ascii>::try_from(format!("Bearer {bearer}")) {
        value.set_sensitive(true);
        metadata.insert("authorization", value);
    }
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    let text: &str = tenant.as_uuid().hyphenated().encode_lower(&mut buffer);
    if let Ok(value) = MetadataValue::<Ascii>::try_from(text) {
        metadata.insert(TENANT_ID_KEY, value);
    }
}
