//! The method that creates an endpoint.

use prost::Message;
use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{Repeatable, answered_once};
use rowhouse_chassis::limits::WEBHOOK_ENDPOINTS;
use rowhouse_proto::orders::v1::{CreateWebhookEndpointRequest, CreateWebhookEndpointResponse};
use rowhouse_tenancy::TenantContext;
use tonic::Request;
use uuid::Uuid;

use super::endpoint::EndpointFields;
use super::{WebhookRpc, repeatable};
use crate::domain::{Events, Guard, IdempotencyKey, Target};
use crate::error::Error;
use crate::store::idempotency_keys::{keep, recall};
use crate::store::webhook_endpoints::{count_endpoints, insert_endpoint};
use crate::webhooks::{Secret, schedule_tidying};

pub(super) async fn create_endpoint(
    rpc: &WebhookRpc,
    request: &Request<CreateWebhookEndpointRequest>,
) -> Result<CreateWebhookEndpointResponse, Error> {
    let cx = context(request)?;
    let (target, events, key) = parse(request.get_ref(), rpc.guard)?;
    let encoded =
        CreateWebhookEndpointRequest { idempotency_key: None, ..request.get_ref().clone() }.encode_to_vec();
    let call = repeatable(&cx, key.as_ref(), "CreateWebhookEndpoint", &encoded)?;
    answered_once(|| create(rpc, &cx, (&target, &events), call.as_ref())).await
}

async fn create(
    rpc: &WebhookRpc,
    cx: &TenantContext,
    (target, events): (&Target, &Events),
    call: Option<&Repeatable>,
) -> Result<CreateWebhookEndpointResponse, Error> {
    let (id, secret) = (Uuid::now_v7(), Secret::generate()?);
    let ciphertext = secret.encrypt(&rpc.encryption, id)?;
    rpc.db
        .tx(cx, "webhook_endpoints.create", async |tx| {
            if let Some(first) = recall(tx, &rpc.encryption, call).await? {
                return Ok(first);
            }
            WEBHOOK_ENDPOINTS.allows(count_endpoints(tx).await? + 1)?;
            schedule_tidying(tx).await?;
            let endpoint = insert_endpoint(tx, id, target, events, &ciphertext).await?;
            let secret = secret.reveal();
            let answer = CreateWebhookEndpointResponse { webhook_endpoint: Some(endpoint.into()), secret };
            keep(tx, &rpc.encryption, call, &answer).await?;
            Ok::<_, Error>(answer)
        })
        .await
}

type Parsed = (Target, Events, Option<IdempotencyKey>);

fn parse(request: &CreateWebhookEndpointRequest, guard: Guard) -> Result<Parsed, Error> {
    let CreateWebhookEndpointRequest { url, events, idempotency_key } = request;
    let mut violations = Violations::default();
    let key = idempotency_key.as_ref().map(|key| key.parse()).transpose();
    let key = violations.check("idempotency_key", key);
    let Some(sent) = EndpointFields::check(Some(url), Some(events), guard, &mut violations) else {
        return Err(violations.into());
    };
    match (sent.allowed()?, key) {
        ((Some(target), Some(events)), Some(key)) => Ok((target, events, key)),
        _ => Err(violations.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NotAllowed;

    fn request(url: &str, events: &[&str]) -> CreateWebhookEndpointRequest {
        let events = events.iter().map(|&event| event.to_owned()).collect();
        CreateWebhookEndpointRequest { url: url.to_owned(), events, idempotency_key: None }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        for (url, events, wrong) in [
            ("", &[][..], &["url", "events"][..]),
            ("https://example.com/", &["order.eaten"], &["events"]),
            ("example.com", &["*"], &["url"]),
            ("https://127.0.0.1/", &[], &["events"]),
        ] {
            match parse(&request(url, events), Guard::PublicOnly) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_url_that_is_not_allowed_is_said_by_itself() {
        let refused = parse(&request("https://127.0.0.1/", &["*"]), Guard::PublicOnly);
        assert!(matches!(refused, Err(Error::UrlNotAllowed(NotAllowed::Host))), "{refused:?}");
        assert!(parse(&request("http://127.0.0.1:81/", &["*"]), Guard::Open).is_ok());
    }
}
