//! The access that the API definition declares for each method.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;
use rowhouse_api::{Access, OptionError, access_by_path, permissions};
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Permission, Principal, Role, UnknownRole};

use super::{Denied, member, person};

/// The tokens that take an access token's place in some method.
const PROOFS: [&str; 1] = ["status_token"];

/// The access rule of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody. The method itself verifies any credentials in the message.
    Public,
    /// A person, or an API key unless `person_only`, that has the permission.
    Permission {
        /// The permission.
        permission: Permission,
        /// True if API keys are refused.
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
    /// A method declares no access, or a contradiction.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A method declares a permission that no service declares.
    #[error("{method}: no service declares the permission {permission}")]
    Permission {
        /// The path of the method's calls.
        method: String,
        /// The name that the method declares.
        permission: String,
    },
    /// A permission belongs to a role that does not exist.
    #[error("the permission {permission}: {error}")]
    Role {
        /// The permission's name.
        permission: String,
        /// The existing names.
        error: UnknownRole,
    },
    /// A method declares a proof that does not exist.
    #[error("{method}: there is no proof {proof}")]
    Proof {
        /// The path of the method's calls.
        method: String,
        /// The declared name.
        proof: String,
    },
    /// A method declares a service that does not exist.
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
        let permissions = declared_permissions(&pool)?;
        let rule = |(method, access)| {
            let rule = match access {
                Access::Public { .. } => Rule::Public,
                Access::Proof(proof) if PROOFS.contains(&proof.as_str()) => Rule::Public,
                Access::Proof(proof) => return Err(UnknownRule::Proof { method, proof }),
                Access::Person => Rule::Person,
                Access::Permission { name, person_only } => match permissions.get(&name) {
                    Some(&permission) => Rule::Permission { permission, person_only },
                    None => return Err(UnknownRule::Permission { method, permission: name }),
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

    /// Refuses services that the rules do not know, of which no call would be answered. If one method of a service has a rule, all
    /// have, as [`AccessRules::of`] fails otherwise.
    pub(crate) fn cover(&self, services: &[&'static str]) -> Result<(), WithoutRules> {
        let known = |service: &str| {
            let of_service =
                |path: &String| path.strip_prefix('/')?.split_once('/').map(|(name, _)| name == service);
            self.0.keys().any(|path| of_service(path).unwrap_or_default())
        };
        services.iter().find(|service| !known(service)).map_or(Ok(()), |service| Err(WithoutRules(service)))
    }

    /// Returns whether the path is that of a method.
    pub(crate) fn declares(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Returns whether a call may come without an access token.
    pub(crate) fn is_public(&self, path: &str) -> bool {
        self.0.get(path) == Some(&Rule::Public)
    }

    /// Checks whether the caller may make the call. Without a rule nobody may.
    pub(crate) fn check(&self, path: &str, cx: Option<&TenantContext>) -> Result<(), Denied> {
        let rule = self.0.get(path).ok_or(Denied::NoRule)?;
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

/// The permissions that the services of `pool` declare, by their names.
fn declared_permissions(pool: &DescriptorPool) -> Result<HashMap<String, Permission>, UnknownRule> {
    let permission = |declared: rowhouse_api::Permission| {
        let rowhouse_api::Permission { name, title, lowest_role, .. } = declared;
        match lowest_role.parse::<Role>() {
            // The rules live as long as the program does.
            Ok(role) => Ok((name.clone(), Permission::new(name.leak(), title.leak(), role))),
            Err(error) => Err(UnknownRule::Role { permission: name, error }),
        }
    };
    permissions(pool)?.into_iter().map(permission).collect()
}

impl FromIterator<(String, Rule)> for AccessRules {
    fn from_iter<I: IntoIterator<Item = (String, Rule)>>(rules: I) -> Self {
        Self(rules.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
