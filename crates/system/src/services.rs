//! The services. It is the only place that knows the type of each name in the catalog.

use std::net::SocketAddr;

use clap::CommandFactory;
use rowhouse_auth::{Auth, AuthArgs, RetentionArgs};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::CallTlsArgs;
use rowhouse_chassis::grpc::Listener;
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::service::{App, Config, Service};
use rowhouse_onboarding::{Onboarding, OnboardingArgs};
use rowhouse_orders::{Orders, OrdersArgs};

use super::{Parts, url};

/// Something that is done with the type of a service.
pub trait Visitor {
    /// The result.
    type Output;

    /// Does it with a service.
    fn visit<S: Service>(self) -> Self::Output;
}

/// Passes the type of a service to a visitor.
pub fn visit<V: Visitor>(service: ServiceName, visitor: V) -> V::Output {
    match service {
        ServiceName::Auth => visitor.visit::<Auth>(),
        ServiceName::Onboarding => visitor.visit::<Onboarding>(),
        ServiceName::Orders => visitor.visit::<Orders>(),
    }
}

/// Returns the command line of a service's program.
#[must_use]
pub fn command(service: ServiceName) -> clap::Command {
    struct CommandLine;

    impl Visitor for CommandLine {
        type Output = clap::Command;

        fn visit<S: Service>(self) -> clap::Command {
            Config::<S>::command()
        }
    }

    visit(service, CommandLine)
}

/// Builds a service. `at` are the addresses of all services.
pub(super) async fn build(
    service: ServiceName,
    listener: Listener,
    parts: &Parts,
    at: &PerService<SocketAddr>,
) -> Result<App, StartError> {
    match service {
        ServiceName::Auth => App::build_on(listener, parts.service::<Auth>(auth(parts))).await,
        ServiceName::Onboarding => {
            App::build_on(listener, parts.service::<Onboarding>(onboarding(parts, at))).await
        }
        ServiceName::Orders => App::build_on(listener, parts.service::<Orders>(orders(parts))).await,
    }
}

fn auth(parts: &Parts) -> AuthArgs {
    AuthArgs {
        bcrypt_cost: parts.bcrypt_cost,
        token_lifetime: parts.token_lifetime,
        encryption_keys: parts.encryption_keys.clone(),
        require_verified_email: None,
        signing: parts.signing(ServiceName::Auth),
        sessions: parts.sessions.clone(),
        sign_ups: parts.sign_ups.clone(),
        mail: parts.mail.clone(),
        jobs: parts.jobs.clone(),
        retention: RetentionArgs::default(),
    }
}

fn onboarding(parts: &Parts, at: &PerService<SocketAddr>) -> OnboardingArgs {
    OnboardingArgs {
        bcrypt_cost: parts.bcrypt_cost,
        auth_endpoint: url(at[ServiceName::Auth]),
        orders_endpoint: url(at[ServiceName::Orders]),
        calls: CallTlsArgs::default(),
        signing: parts.signing(ServiceName::Onboarding),
        jobs: parts.jobs.clone(),
        onboarding_retention: OnboardingArgs::RETENTION,
    }
}

fn orders(parts: &Parts) -> OrdersArgs {
    OrdersArgs { encryption_keys: parts.encryption_keys.clone(), jobs: parts.jobs.clone() }
}
