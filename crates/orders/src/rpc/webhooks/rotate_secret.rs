//! The method that replaces an endpoint's secret.

use std::time::Duration;

use prost::Message;
use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{Repeatable, answered_once};
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{RotateWebhookSecretRequest, RotateWebhookSecretResponse, error_code};
use rowhouse_tenancy::TenantContext;
use tonic::Request;
use uuid::Uuid;

use super::{WebhookRpc, repeatable};
use crate::domain::IdempotencyKey;
use crate::error::Error;
use crate::store::idempotency_keys::{keep, recall};
use crate::store::webhook_endpoints::find_endpoint;
use crate::store::webhook_secrets::replace_secret;
use crate::webhooks::Secret;

/// The default and the largest time for which both secrets sign.
const OVERLAP: Duration = Duration::from_hours(24);
const LONGEST_OVERLAP: u64 = 7 * 24 * 60 * 60;

pub(super) async fn rotate_secret(
    rpc: &WebhookRpc,
    request: &Request<RotateWebhookSecretRequest>,
) -> Result<RotateWebhookSecretResponse, Error> {
    let cx = context(request)?;
    let (id, overlap, key) = parse(request.get_ref())?;
    let encoded =
        RotateWebhookSecretRequest { idempotency_key: None, ..request.get_ref().clone() }.encode_to_vec();
    let call = repeatable(&cx, key.as_ref(), "RotateWebhookSecret", &encoded)?;
    answered_once(|| rotate(rpc, &cx, id, overlap, call.as_ref())).await
}

/// Replaces the secret. A second rotation would end the secret that the receiver still knows, so a repeat gets the
/// answer of the first one.
async fn rotate(
    rpc: &WebhookRpc,
    cx: &TenantContext,
    id: Uuid,
    overlap: Duration,
    call: Option<&Repeatable>,
) -> Result<RotateWebhookSecretResponse, Error> {
    let secret = Secret::generate()?;
    let ciphertext = secret.encrypt(&rpc.encryption, id)?;
    rpc.db
        .tx(cx, "webhook_endpoints.rotate_secret", async |tx| {
            if let Some(first) = recall(tx, &rpc.encryption, call).await? {
                return Ok(first);
            }
            replace_secret(tx, id, &ciphertext, overlap).await?;
            let endpoint =
                find_endpoint(tx, id).await?.ok_or(Error::Missing(error_code::WEBHOOK_ENDPOINT_NOT_FOUND))?;
            let secret = secret.reveal();
            let answer = RotateWebhookSecretResponse { webhook_endpoint: Some(endpoint.into()), secret };
            keep(tx, &rpc.encryption, call, &answer).await?;
            Ok::<_, Error>(answer)
        })
        .await
}

/// The error for a number of seconds that is out of range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send a number of seconds from 0 to {LONGEST_OVERLAP}, which are seven days")]
struct InvalidOverlap;

type Parsed = (Uuid, Duration, Option<IdempotencyKey>);

fn parse(request: &RotateWebhookSecretRequest) -> Result<Parsed, Error> {
    let RotateWebhookSecretRequest { id, overlap_seconds, idempotency_key } = request;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(id));
    let overlap = overlap_seconds.map_or(Ok(OVERLAP), |seconds| match u64::try_from(seconds) {
        Ok(seconds @ ..=LONGEST_OVERLAP) => Ok(Duration::from_secs(seconds)),
        _ => Err(InvalidOverlap),
    });
    let overlap = violations.check("overlap_seconds", overlap);
    let key = idempotency_key.as_ref().map(|key| key.parse()).transpose();
    match (id, overlap, violations.check("idempotency_key", key)) {
        (Some(id), Some(overlap), Some(key)) => Ok((id, overlap, key)),
        _ => Err(violations.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_is_a_day_and_a_week_at_most() {
        let id = Uuid::now_v7();
        let parse = |overlap_seconds| {
            let id = id.to_string();
            parse(&RotateWebhookSecretRequest { id, overlap_seconds, idempotency_key: None })
                .map(|(_, overlap, _)| overlap.as_secs())
        };
        assert_eq!(parse(None).unwrap(), 86_400);
        assert_eq!(parse(Some(0)).unwrap(), 0);
        assert_eq!(parse(Some(604_800)).unwrap(), 604_800);
        for refused in [-1, 604_801, i32::MAX] {
            assert!(matches!(parse(Some(refused)), Err(Error::Invalid(_))), "{refused}");
        }
    }
}
