//! The access that the API definition declares for each method.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;
use rowhouse_api::{Access, OptionError, access_by_path};
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Permission, Principal, UnknownPermission};

use super::{Denied, member, person};

/// The tokens that take an access token's place in some method.
const PROOFS: [&str; 1] = ["status_token"];

/// The access rule of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody; what else it takes, the method verifies itself.
    Public,
    /// A person, or an API key unless `person_only`, that has the permission.
    Permission {
        /// The permission.
        permission: Permission,
        /// Whether an API key is refused.
        person_only: bool,
    },
    /// Any person who is logged in.
    Person,
    /// This service, on its own behalf.
    Service(ServiceName),
}

/// A declaration that cannot be enforced. A service does not start with one.
#[derive(Debug, thiserror::Error)]
pub enum UnknownRule {
    /// The descriptors cannot be read.
    #[error("the descriptors cannot be read: {0}")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// A method declares nothing, or what makes no sense.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A method declares a permission that there is not.
    #[error("{method}: {error}")]
    Permission {
        /// The path of the method's calls.
        method: String,
        /// The names that there are.
        error: UnknownPermission,
    },
    /// A method declares a proof that does not exist.
    #[error("{method}: there is no proof {proof}")]
    Proof {
        /// The path of the method's calls.
        method: String,
        /// The declared name.
        proof: String,
    },
    /// A method declares a service that there is not.
    #[error("{method}: the catalog has no service {service}")]
    Service {
        /// The path of the method's calls.
        method: String,
        /// The name that was declared.
        service: String,
    },
}

/// A gRPC service that is served and that the rules do not know, since the catalog lacks its package.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is served, but no rule says who may call it: add its package to the service's in the catalog")]
pub struct WithoutRules(pub &'static str);

/// The rule of each method, by the path of its calls, such as `/orders.v1.OrderService/GetOrder`.
#[derive(Clone, Debug, Default)]
pub struct AccessRules(HashMap<String, Rule>);

impl AccessRules {
    /// The rules that `descriptors`, an encoded `google.protobuf.FileDescriptorSet`, declare for all methods of the packages.
    pub fn of(descriptors: &[u8], packages: &[&str]) -> Result<Self, UnknownRule> {
        let pool = DescriptorPool::decode(descriptors)?;
        let rule = |(method, access)| {
            let rule = match access {
                Access::Public { .. } => Rule::Public,
                Access::Proof(proof) if PROOFS.contains(&proof.as_str()) => Rule::Public,
                Access::Proof(proof) => return Err(UnknownRule::Proof { method, proof }),
                Access::Person => Rule::Person,
                Access::Permission { name, person_only } => match name.parse() {
                    Ok(permission) => Rule::Permission { permission, person_only },
                    Err(error) => return Err(UnknownRule::Permission { method, error }),
                },
                Access::Service(service) => {
                    let known = ServiceName::ALL.iter().find(|known| known.as_str() == service);
                    match known {
                        Some(service) => Rule::Service(*service),
                        None => return Err(UnknownRule::Service { method, service }),
                    }
                }
            };
            Ok((method, rule))
        };
        access_by_path(&pool, packages)?.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// The services that some method is for, by their programs' names.
    #[must_use]
    pub fn callers(&self) -> Vec<&'static str> {
        let mut callers: Vec<_> = self
            .0
            .values()
            .filter_map(|rule| match rule {
                Rule::Service(service) => Some(service.program()),
                _ => None,
            })
            .collect();
        callers.sort_unstable();
        callers.dedup();
        callers
    }

    /// Refuses services of which no method has a rule: any token would do for them.
    pub(crate) fn cover(&self, services: &[&'static str]) -> Result<(), WithoutRules> {
        let known = |service: &str| {
            let of_service =
                |path: &String| path.strip_prefix('/')?.split_once('/').map(|(name, _)| name == service);
            self.0.keys().any(|path| of_service(path).unwrap_or_default())
        };
        services.iter().find(|service| !known(service)).map_or(Ok(()), |service| Err(WithoutRules(service)))
    }

    /// Whether a call may come without an access token.
    pub(crate) fn is_public(&self, path: &str) -> bool {
        self.0.get(path) == Some(&Rule::Public)
    }

    /// Whether the caller may make the call. There is no method without a rule; a call of one that there is not needs a token.
    pub(crate) fn check(&self, path: &str, cx: Option<&TenantContext>) -> Result<(), Denied> {
        let Some(rule) = self.0.get(path) else { return Ok(()) };
        let caller = || cx.ok_or(Denied::Unauthenticated);
        match rule {
            Rule::Public => Ok(()),
            Rule::Person => person(caller()?).map(drop),
            Rule::Permission { permission, person_only } => {
                let cx = caller()?;
                member(cx)?;
                if !cx.may(*permission) {
                    return Err(Denied::Permission(*permission));
                }
                if *person_only { person(cx).map(drop) } else { Ok(()) }
            }
            Rule::Service(service) => match caller()?.principal() {
                Some(Principal::Service { name }) if name == service.program() => Ok(()),
                _ => Err(Denied::ServiceOnly(*service)),
            },
        }
    }
}

impl FromIterator<(String, Rule)> for AccessRules {
    fn from_iter<I: IntoIterator<Item = (String, Rule)>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::{SystemOrigin, TenantId};

    use super::*;

    const READ: &str = "/orders.v1.OrderService/GetOrder";

    fn rules(rule: Rule) -> AccessRules {
        AccessRules::from_iter([(READ.to_owned(), rule)])
    }

    #[test]
    fn without_a_token_only_what_is_public_is_called() {
        let permission = Rule::Permission { permission: Permission::OrdersRead, person_only: false };
        for rule in [permission, Rule::Person, Rule::Service(ServiceName::Onboarding)] {
            assert_eq!(rules(rule).check(READ, None), Err(Denied::Unauthenticated));
            assert!(!rules(rule).is_public(READ));
        }
        assert_eq!(rules(Rule::Public).check(READ, None), Ok(()));
        assert!(
            rules(Rule::Public).is_public(READ)
                && !rules(Rule::Public).is_public("/orders.v1.OrderService/Get")
        );
    }

    #[test]
    fn the_system_itself_is_no_caller() {
        let system = TenantContext::system(SystemOrigin::Job, TenantId::generate());
        let permission = Rule::Permission { permission: Permission::OrdersRead, person_only: false };
        for (rule, denied) in [
            (permission, Denied::MembersOnly),
            (Rule::Person, Denied::PeopleOnly),
            (Rule::Service(ServiceName::Onboarding), Denied::ServiceOnly(ServiceName::Onboarding)),
        ] {
            assert_eq!(rules(rule).check(READ, Some(&system)), Err(denied));
        }
    }

    #[test]
    fn a_served_service_without_rules_is_refused() {
        let rules = rules(Rule::Person);
        assert_eq!(rules.cover(&["orders.v1.OrderService"]), Ok(()));
        for unknown in ["orders.v1.Order", "orders.v1.NoteService"] {
            assert_eq!(rules.cover(&["orders.v1.OrderService", unknown]), Err(WithoutRules(unknown)));
        }
    }

    #[test]
    fn callers_are_the_services_that_methods_are_for() {
        assert_eq!(rules(Rule::Service(ServiceName::Onboarding)).callers(), ["rowhouse-onboarding"]);
        assert!(rules(Rule::Person).callers().is_empty());
    }

    #[test]
    fn descriptors_that_cannot_be_read_are_refused() {
        assert!(matches!(AccessRules::of(&[0xff], &[]), Err(UnknownRule::Descriptors(_))));
    }
}
