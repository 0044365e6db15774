//! Whether the wanted addresses can be had.

use rowhouse_chassis::grpc::Listener;

use super::{DevArgs, DevError};
use rowhouse_system::Addresses;

/// The addresses of the arguments, after a look whether they are free: what is taken is said before a database
/// is made.
pub(super) fn check(args: &DevArgs) -> Result<Addresses, DevError> {
    let wanted = [
        ("--http", args.http),
        ("--auth-listen", args.auth_listen),
        ("--onboarding-listen", args.onboarding_listen),
        ("--orders-listen", args.orders_listen),
    ];
    // All at once, so that two of the same are seen.
    let taken = wanted
        .map(|(flag, address)| Listener::bind(address).map_err(|source| DevError::Listen { flag, source }));
    let taken = taken.into_iter().collect::<Result<Vec<_>, _>>()?;
    // The links in letters lead to the gateway, so its port has to be known before it listens.
    let gateway = taken.first().map_or(args.http, Listener::local_addr);
    Ok(Addresses {
        gateway,
        auth: args.auth_listen,
        onboarding: args.onboarding_listen,
        orders: args.orders_listen,
    })
}
