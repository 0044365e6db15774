//! The list of the services: what each is called wherever it has a name.
//!
//! The launcher, the migrator, the keys, the gateway, the test kit and the tests of the manifests go through this list. A new
//! service is a new row here; what has to know its type then does not compile until it does.

use std::fmt;
use std::ops::{Index, IndexMut};

/// Declares a row for each service. The first name is the variant's, the second the one that all others are made of, the third
/// the same in environment variables.
macro_rules! services {
    ($(
        $(#[doc = $what:literal])+
        $variant:ident $name:ident $upper:ident {
            port: $port:literal,
            signs: $signs:literal,
            packages: [$($package:literal),+],
            health: $health:literal,
            about: $about:literal,
        }
    )+) => {
        /// A service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ServiceName {
            $($(#[doc = $what])+ $variant,)+
        }

        impl ServiceName {
            /// Every service, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name for people and in arguments, such as `orders`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)+ }
            }

            /// The name in environment variables, such as `ORDERS` in `ROWHOUSE_ORDERS_ENDPOINT`.
            #[must_use]
            pub const fn in_variables(self) -> &'static str {
                match self { $(Self::$variant => stringify!($upper),)+ }
            }

            /// The program, such as `rowhouse-orders`. The service's tokens have it as `iss`, those of its callers as `aud`.
            #[must_use]
            pub const fn program(self) -> &'static str {
                match self { $(Self::$variant => concat!("rowhouse-", stringify!($name)),)+ }
            }

            /// The role that the service logs in to the database as, such as `rowhouse_orders`.
            #[must_use]
            pub const fn role(self) -> &'static str {
                match self { $(Self::$variant => concat!("rowhouse_", stringify!($name)),)+ }
            }

            /// The schema with the service's tables.
            #[must_use]
            pub const fn schema(self) -> &'static str {
                self.as_str()
            }

            /// The port that the service listens on by default.
            #[must_use]
            pub const fn port(self) -> u16 {
                match self { $(Self::$variant => $port,)+ }
            }

            /// Returns whether the service signs tokens, and so has keys.
            #[must_use]
            pub const fn signs(self) -> bool {
                match self { $(Self::$variant => $signs,)+ }
            }

            /// The packages of the gRPC services that it serves.
            #[must_use]
            pub const fn packages(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($package),+],)+ }
            }

            /// The gRPC service by whose name health checks identify it.
            #[must_use]
            pub const fn health(self) -> &'static str {
                match self { $(Self::$variant => $health,)+ }
            }

            /// The end of a sentence that begins with "the orders service:" and says its purpose.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }
        }

        /// A value for each service.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PerService<T> {
            $($name: T,)+
        }

        impl<T> PerService<T> {
            /// Creates a value for each service.
            pub fn from_fn(mut make: impl FnMut(ServiceName) -> T) -> Self {
                Self { $($name: make(ServiceName::$variant),)+ }
            }

            /// Creates a value for each service. Stops at the first failure.
            pub fn try_from_fn<E>(mut make: impl FnMut(ServiceName) -> Result<T, E>) -> Result<Self, E> {
                Ok(Self { $($name: make(ServiceName::$variant)?,)+ })
            }

            /// Converts the value of each service.
            pub fn map<U>(self, mut make: impl FnMut(ServiceName, T) -> U) -> PerService<U> {
                PerService { $($name: make(ServiceName::$variant, self.$name),)+ }
            }
        }

        impl<T> IntoIterator for PerService<T> {
            type Item = (ServiceName, T);
            type IntoIter = std::array::IntoIter<Self::Item, { ServiceName::ALL.len() }>;

            fn into_iter(self) -> Self::IntoIter {
                [$((ServiceName::$variant, self.$name),)+].into_iter()
            }
        }

        impl<T> Index<ServiceName> for PerService<T> {
            type Output = T;

            fn index(&self, service: ServiceName) -> &T {
                match service { $(ServiceName::$variant => &self.$name,)+ }
            }
        }

        impl<T> IndexMut<ServiceName> for PerService<T> {
            fn index_mut(&mut self, service: ServiceName) -> &mut T {
                match service { $(ServiceName::$variant => &mut self.$name,)+ }
            }
        }
    };
}

services! {
    /// Identities, memberships and access tokens.
    Auth auth AUTH {
        port: 50051,
        signs: true,
        packages: ["auth.v1", "jobs.v1"],
        health: "auth.v1.AuthService",
        about: "logs people in and signs their access tokens",
    }
    /// Brings tenants into being.
    Onboarding onboarding ONBOARDING {
        port: 50052,
        signs: true,
        packages: ["onboarding.v1"],
        health: "onboarding.v1.OnboardingService",
        about: "brings tenants and their first owners into being",
    }
    /// The orders of each tenant.
    Orders orders ORDERS {
        port: 50053,
        signs: false,
        packages: ["orders.v1"],
        health: "orders.v1.OrderService",
        about: "the orders of each tenant",
    }
}

impl ServiceName {
    /// Returns the service that serves a package.
    #[must_use]
    pub fn of_package(package: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|service| service.packages().contains(&package))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T> PerService<T> {
    /// Returns the services with their values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceName, &T)> {
        ServiceName::ALL.iter().map(|service| (*service, &self[*service]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "there is a value for each service")]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_services_have_the_same_name_port_or_package() {
        let all = ServiceName::ALL;
        assert_eq!(all.iter().map(|service| service.role()).collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|service| service.port()).collect::<HashSet<_>>().len(), all.len());
        let packages = all.iter().flat_map(|service| service.packages()).collect::<Vec<_>>();
        assert_eq!(packages.iter().collect::<HashSet<_>>().len(), packages.len());
        assert_eq!(ServiceName::of_package("jobs.v1"), Some(ServiceName::Auth));
        assert_eq!(ServiceName::of_package("jobs"), None);
    }

    #[test]
    fn names_are_made_of_one() {
        for service in ServiceName::ALL {
            assert_eq!(service.in_variables(), service.as_str().to_uppercase());
            assert_eq!(service.program(), format!("rowhouse-{service}"));
            assert_eq!(service.role(), format!("rowhouse_{}", service.schema()));
            let package = service.health().rsplit_once('.').map(|(package, _)| package);
            assert!(package.is_some_and(|package| service.packages().contains(&package)), "{service}");
        }
    }

    #[test]
    fn each_service_has_a_value_of_its_own() {
        let mut ports = PerService::from_fn(ServiceName::port);
        ports[ServiceName::Orders] = 1;
        for (service, port) in ports.iter() {
            assert_eq!(*port, if service == ServiceName::Orders { 1 } else { service.port() });
        }
        assert_eq!(ports.into_iter().map(|(service, _)| service).collect::<Vec<_>>(), ServiceName::ALL);
        let first = PerService::<()>::try_from_fn(Err);
        assert_eq!(first, Err(ServiceName::Auth));
    }
}
