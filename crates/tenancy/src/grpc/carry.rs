//! Outgoing calls.

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use crate::TenantId;
use crate::grpc::TENANT_ID_KEY;

/// Puts a token and its tenant on an outgoing call. `bearer` is a token that the callee will verify: the
/// caller's own, or one that this service signed.
///
/// A token has only visible ASCII characters; one that has others is left out, and the callee refuses the
/// call.
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
