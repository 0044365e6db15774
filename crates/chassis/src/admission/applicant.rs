//! [`Applicant`], the caller for whom a call is made.

use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::shares::Urgency;
use rowhouse_tokens::Principal;
use tonic::metadata::MetadataValue;

use crate::network::Network;

/// The header and the metadata key with the priority of a call (RFC 9218), such as `u=5`.
pub const PRIORITY: &str = "priority";

/// The urgency of RFC 9218 that a call has without the header. Higher ones, up to 7, are less urgent.
const USUAL: u8 = 3;

/// A competitor for places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A tenant, with everybody in it.
    Tenant(TenantId),
    /// Somebody who belongs to no tenant yet, with everybody in the same network. All whose network is unknown are one party.
    Stranger(Option<Network>),
}

/// The caller for whom a call is made, and how urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The party whose share the call takes.
    pub party: Party,
    /// The order in which the call is served.
    pub urgency: Urgency,
}

impl Applicant {
    /// The applicant of a call of which nothing is known.
    pub const UNKNOWN: Self = Self { party: Party::Stranger(None), urgency: Urgency::Interactive };

    /// Creates the applicant for a call in a tenant.
    #[must_use]
    pub const fn in_tenant(tenant: TenantId, principal: Option<&Principal>, urgency: Urgency) -> Self {
        // A person waits for the answer, a program can come back.
        let urgency = match principal {
            Some(Principal::ApiKey { .. }) => Urgency::Batch,
            _ => urgency,
        };
        Self { party: Party::Tenant(tenant), urgency }
    }

    /// Creates the applicant for a call of somebody who belongs to no tenant. All of an IPv6 customer's networks are one party.
    #[must_use]
    pub fn stranger(network: Option<Network>, urgency: Urgency) -> Self {
        let widest = network.map(|network| network.wider().unwrap_or(network));
        Self { party: Party::Stranger(widest), urgency }
    }

    /// Adds the applicant to an outgoing call, for a channel that is [admitted](crate::grpc::TracedChannel::admitted_by), and its urgency
    /// for the service.
    pub fn carry<T>(self, call: &mut tonic::Request<T>) {
        call.extensions_mut().insert(self);
        if self.urgency == Urgency::Batch {
            call.metadata_mut().insert(PRIORITY, MetadataValue::from_static("u=5"));
        }
    }
}

/// Returns the urgency in the values of [`PRIORITY`]: a batch if it is lower than usual. What cannot be read is ignored, as
/// RFC 9218 demands.
pub fn urgency<'a>(priority: impl Iterator<Item = &'a [u8]>) -> Urgency {
    let parameters = priority.flat_map(|value| value.split(|byte| *byte == b','));
    let urgency = parameters.filter_map(|parameter| match parameter.trim_ascii() {
        [b'u', b'=', digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => None,
    });
    // The last one counts (RFC 9651).
    if urgency.last().unwrap_or(USUAL) > USUAL { Urgency::Batch } else { Urgency::Interactive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_below_the_usual_is_a_batch() {
        for (values, expected) in [
            (&[][..], Urgency::Interactive),
            (&["u=3"], Urgency::Interactive),
            (&["u=0, i"], Urgency::Interactive),
            (&["u=4"], Urgency::Batch),
            (&["i", " u=7 "], Urgency::Batch),
            (&["u=7, u=1"], Urgency::Interactive),
            (&["u=8"], Urgency::Interactive),
            (&["u=77"], Urgency::Interactive),
            (&["background"], Urgency::Interactive),
        ] {
            assert_eq!(urgency(values.iter().map(|value| value.as_bytes())), expected, "{values:?}");
        }
    }

    #[test]
    fn a_program_does_not_come_before_people() {
        let tenant = TenantId::generate();
        let id = uuid::Uuid::nil();
        let key = Principal::ApiKey { id, scopes: Vec::new() };
        assert_eq!(Applicant::in_tenant(tenant, Some(&key), Urgency::Interactive).urgency, Urgency::Batch);
        assert_eq!(Applicant::in_tenant(tenant, None, Urgency::Interactive).urgency, Urgency::Interactive);
    }
}
