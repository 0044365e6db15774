//! Checking whether the addresses are available.

use std::net::SocketAddr;

use clap::Arg;
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::config::EachService;
use rowhouse_chassis::grpc::Listener;

use super::{DevArgs, DevError};
use rowhouse_system::Addresses;

/// Returns the addresses of the arguments if they are available. The check precedes the creation of the database.
pub(super) fn check(args: &DevArgs) -> Result<Addresses, DevError> {
    let bind =
        |flag: String, address| Listener::bind(address).map_err(|source| DevError::Listen { flag, source });
    // All at once, so that duplicates are detected.
    let gateway = bind("--http".to_owned(), args.http)?;
    let services = args.listen.0;
    let _taken = PerService::try_from_fn(|service| bind(format!("--{service}-listen"), services[service]))?;
    // The links in emails lead to the gateway, so its port must be known before it listens.
    Ok(Addresses { gateway: gateway.local_addr(), services })
}

/// The address of a service.
#[derive(Clone, Copy, Debug)]
pub struct Listen;

impl EachService for Listen {
    const SUFFIX: &'static str = "listen";
    type Parsed = SocketAddr;
    type Value = SocketAddr;

    fn argument(service: ServiceName, argument: Arg) -> Arg {
        argument
            .value_name("ADDRESS:PORT")
            .value_parser(clap::value_parser!(SocketAddr))
            .default_value(format!("127.0.0.1:{}", service.port()))
            .help(format!("Address and port of the {service} service"))
    }

    fn value(parsed: Option<SocketAddr>) -> Option<SocketAddr> {
        parsed
    }
}
