//! The errors that services answer with.

use std::collections::HashMap;

use rowhouse_chassis::access::PERMISSION_KEY;
use rowhouse_chassis::error::{Fault, FieldViolation, fault};
use rowhouse_chassis::limits::{LIMIT_KEY, MAXIMUM_KEY};
use rowhouse_proto::ERROR_CODES;
use tonic::Status;

use super::{Extra, FieldError, Problem, ReachedLimit};
use crate::header_names::{IDEMPOTENCY_KEY, IF_MATCH};

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let Fault { code, detail, violations, retry_after, metadata } = fault(&status, ERROR_CODES);
        let errors: Vec<_> = violations
            .into_iter()
            .map(|FieldViolation { field, description: detail }| FieldError {
                field: rest_name(field),
                detail,
            })
            .collect();
        let detail = match errors.as_slice() {
            [FieldError { field, detail }] => format!("{field}: {detail}"),
            _ => detail,
        };
        Self { errors, extra: extra(metadata), retry_after, ..Self::new(code, detail) }
    }
}

fn extra(mut metadata: HashMap<String, String>) -> Extra {
    if let Some(token) = metadata.remove("mfa_token") {
        return Extra::MfaToken(token);
    }
    if let Some(permission) = metadata.remove(PERMISSION_KEY) {
        return Extra::Permission(permission);
    }
    if let (Some(name), Some(maximum)) = (metadata.remove(LIMIT_KEY), metadata.remove(MAXIMUM_KEY))
        && let Ok(maximum) = maximum.parse()
    {
        return Extra::Limit(ReachedLimit { name, maximum });
    }
    let tenants = metadata.get("tenants").map(|listed| serde_json::from_str(listed));
    match tenants.transpose() {
        Ok(tenants) => tenants.map_or(Extra::Nothing, Extra::Tenants),
        Err(error) => {
            tracing::error!(%error, "the tenants to choose from cannot be read");
            Extra::Nothing
        }
    }
}

/// Returns the place of a proto field in a REST request; most are in the body, under the same name.
fn rest_name(field: String) -> String {
    match field.as_str() {
        "idempotency_key" => IDEMPOTENCY_KEY.to_owned(),
        "etag" => IF_MATCH.to_owned(),
        _ => field,
    }
}
