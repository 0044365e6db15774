//! Converting endpoints from and to messages.

use chrono::Utc;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::orders::v1;

use crate::domain::{Events, Guard, InvalidTarget, NotAllowed, Target};
use crate::error::Error;
use crate::store::webhook_endpoints::Endpoint;
use crate::webhooks::{FAILING, GONE};

impl From<Endpoint> for v1::WebhookEndpoint {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url,
            events: endpoint.events,
            enabled: endpoint.enabled,
            created_at: Some(timestamp(endpoint.created_at)),
            updated_at: Some(timestamp(endpoint.updated_at)),
            failing_since: endpoint.failing_since.map(timestamp),
            paused_until: endpoint.paused_until.map(timestamp),
            disabled_reason: disabled_reason(endpoint.disabled_reason.as_deref()).into(),
            previous_secret_expires_at: endpoint
                .previous_secret_expires_at
                .filter(|at| *at > Utc::now())
                .map(timestamp),
        }
    }
}

/// Returns the reason with this name. The column's CHECK has the same two names.
fn disabled_reason(name: Option<&str>) -> v1::WebhookDisabledReason {
    match name {
        Some(FAILING) => v1::WebhookDisabledReason::Failing,
        Some(GONE) => v1::WebhookDisabledReason::Gone,
        _ => v1::WebhookDisabledReason::Unspecified,
    }
}

/// The fields of an endpoint in a request; `None` for those that are absent. Invalid fields are recorded and reported
/// before a URL that is not allowed, which [`EndpointFields::allowed`] reports.
pub(super) struct EndpointFields {
    target: Option<Result<Target, NotAllowed>>,
    events: Option<Events>,
}

impl EndpointFields {
    pub(super) fn check(
        url: Option<&str>,
        events: Option<&[String]>,
        guard: Guard,
        violations: &mut Violations,
    ) -> Option<Self> {
        let target = url.map(|url| match Target::parse(url, guard) {
            Ok(target) => Some(Ok(target)),
            Err(InvalidTarget::NotAllowed(reason)) => Some(Err(reason)),
            Err(invalid) => violations.check("url", Err(invalid)),
        });
        let events = events.map(|events| violations.check("events", Events::parse(events)));
        // The inner `None` is a field that was sent and is invalid.
        let target = target.map_or(Some(None), |target| target.map(Some))?;
        let events = events.map_or(Some(None), |events| events.map(Some))?;
        Some(Self { target, events })
    }

    pub(super) fn allowed(self) -> Result<(Option<Target>, Option<Events>), Error> {
        Ok((self.target.transpose()?, self.events))
    }
}
