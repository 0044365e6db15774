//! The method that changes an endpoint.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::parse_id;
use rowhouse_proto::orders::v1::{UpdateWebhookEndpointRequest, UpdateWebhookEndpointResponse, error_code};
use tonic::Request;
use uuid::Uuid;

use super::WebhookRpc;
use super::endpoint::EndpointFields;
use crate::domain::Guard;
use crate::error::Error;
use crate::store::webhook_endpoints::{self, EndpointChange};
use crate::webhooks::{lock_jobs, look_at_all};

pub(super) async fn update_endpoint(
    rpc: &WebhookRpc,
    request: &Request<UpdateWebhookEndpointRequest>,
) -> Result<UpdateWebhookEndpointResponse, Error> {
    let cx = context(request)?;
    let (id, change) = parse(request.get_ref(), rpc.guard)?;
    let endpoint = rpc.db.tx(&cx, "webhook_endpoints.update", async |tx| {
        if change.is_a_new_start() {
            lock_jobs(tx, id).await?;
            look_at_all(tx, id).await?;
        }
        let changed = webhook_endpoints::update_endpoint(tx, id, &change).await?;
        changed.ok_or(Error::Missing(error_code::WEBHOOK_ENDPOINT_NOT_FOUND))
    });
    Ok(UpdateWebhookEndpointResponse { webhook_endpoint: Some(endpoint.await?.into()) })
}

/// The error for a request without a url, events or enabled.
#[derive(Debug, thiserror::Error)]
#[error("send a url, events or enabled, or several of them")]
struct NothingToChange;

fn parse(request: &UpdateWebhookEndpointRequest, guard: Guard) -> Result<(Uuid, EndpointChange), Error> {
    let UpdateWebhookEndpointRequest { id, url, events, enabled } = request;
    let mut violations = Violations::default();
    let id = violations.check("id", parse_id(id));
    let nothing = url.is_none() && events.is_empty() && enabled.is_none();
    let something = violations.check("url", if nothing { Err(NothingToChange) } else { Ok(()) });
    let events = (!events.is_empty()).then_some(events.as_slice());
    let sent = EndpointFields::check(url.as_deref(), events, guard, &mut violations);
    let (Some(id), Some(sent), Some(())) = (id, sent, something) else { return Err(violations.into()) };
    let (target, events) = sent.allowed()?;
    Ok((id, EndpointChange { target, events, enabled: *enabled }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_stay() {
        let id = Uuid::now_v7();
        let request =
            UpdateWebhookEndpointRequest { id: id.to_string(), enabled: Some(false), ..Default::default() };
        let change = EndpointChange { enabled: Some(false), ..EndpointChange::default() };
        assert_eq!(parse(&request, Guard::Open).unwrap(), (id, change));
    }

    #[test]
    fn nothing_to_change_is_an_error() {
        let id = Uuid::now_v7().to_string();
        let refused = parse(&UpdateWebhookEndpointRequest { id, ..Default::default() }, Guard::Open);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let request = UpdateWebhookEndpointRequest {
            id: "7".to_owned(),
            url: Some(String::new()),
            events: vec![String::new()],
            enabled: None,
        };
        match parse(&request, Guard::Open) {
            Err(Error::Invalid(violations)) => {
                let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                assert_eq!(fields, ["id", "url", "events"]);
            }
            other => panic!("{other:?}"),
        }
    }
}
