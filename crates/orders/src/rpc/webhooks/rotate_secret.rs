//! Replacing an endpoint's secret.

use std::time::Duration;

use rowhouse_chassis::error::Violations;
use rowhouse_proto::orders::v1::{RotateWebhookSecretRequest, RotateWebhookSecretResponse};
use rowhouse_tokens::Permission;
use tonic::Request;
use uuid::Uuid;

use super::endpoint::parse_id;
use super::{WebhookRpc, authorize};
use crate::error::Error;
use crate::store::webhook_endpoints::find_endpoint;
use crate::store::webhook_secrets::replace_secret;
use crate::webhooks::Secret;

/// How long both secrets sign, when the caller does not say, and at most.
const OVERLAP: Duration = Duration::from_hours(24);
const LONGEST_OVERLAP: u64 = 7 * 24 * 60 * 60;

pub(super) async fn rotate_secret(
    rpc: &WebhookRpc,
    request: &Request<RotateWebhookSecretRequest>,
) -> Result<RotateWebhookSecretResponse, Error> {
    let cx = authorize(request, Permission::WebhooksManage)?;
    let (id, overlap) = parse(request.get_ref())?;
    let secret = Secret::generate()?;
    let sealed = secret.seal(&rpc.sealing, id)?;
    let endpoint = rpc.db.tx(&cx, "webhook_endpoints.rotate_secret", async |tx| {
        replace_secret(tx, id, &sealed, overlap).await?;
        find_endpoint(tx, id).await?.ok_or(Error::EndpointNotFound)
    });
    Ok(RotateWebhookSecretResponse {
        webhook_endpoint: Some(endpoint.await?.into()),
        secret: secret.reveal(),
    })
}

/// The number of seconds is out of bounds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send a number of seconds from 0 to {LONGEST_OVERLAP}, which are seven days")]
struct InvalidOverlap;

fn parse(request: &RotateWebhookSecretRequest) -> Result<(Uuid, Duration), Error> {
    let RotateWebhookSecretRequest { id, overlap_seconds } = request;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(id));
    let overlap = overlap_seconds.map_or(Ok(OVERLAP), |seconds| match u64::try_from(seconds) {
        Ok(seconds @ ..=LONGEST_OVERLAP) => Ok(Duration::from_secs(seconds)),
        _ => Err(InvalidOverlap),
    });
    match (id, violations.check("overlap_seconds", overlap)) {
        (Some(id), Some(overlap)) => Ok((id, overlap)),
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
            parse(&RotateWebhookSecretRequest { id: id.to_string(), overlap_seconds })
                .map(|(_, overlap)| overlap.as_secs())
        };
        assert_eq!(parse(None).unwrap(), 86_400);
        assert_eq!(parse(Some(0)).unwrap(), 0);
        assert_eq!(parse(Some(604_800)).unwrap(), 604_800);
        for refused in [-1, 604_801, i32::MAX] {
            assert!(matches!(parse(Some(refused)), Err(Error::Invalid(_))), "{refused}");
        }
    }
}
