//! Resolving a host's name to the addresses for a connection.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};

use url::Host;

use super::send_error::SendError;
use crate::domain::Guard;

/// A resolver of names.
pub(crate) trait Resolve: Send + Sync + 'static {
    fn resolve(&self, name: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The system's resolver.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Returns the name to resolve. In production it ends with the root, since a resolver would otherwise try its search
/// list first, and the result would reveal internal names. A development machine may have names of its own, such as
/// `localhost`.
fn name_to_resolve(name: &str, guard: Guard) -> Cow<'_, str> {
    match guard {
        Guard::PublicOnly if !name.ends_with('.') => Cow::Owned(format!("{name}.")),
        Guard::PublicOnly | Guard::Open => Cow::Borrowed(name),
    }
}

/// Returns the addresses to connect to. The name is resolved once, and the result is both checked and used, so a
/// later change of the name has no effect.
pub(super) async fn addresses(
    resolver: &impl Resolve,
    guard: Guard,
    host: Host<&str>,
    port: u16,
) -> Result<Vec<SocketAddr>, SendError> {
    if !guard.allows_host(&host) {
        return Err(SendError::NotAllowed);
    }
    let found = match host {
        Host::Ipv4(address) => vec![address.into()],
        Host::Ipv6(address) => vec![address.into()],
        Host::Domain(name) => {
            resolver.resolve(&name_to_resolve(name, guard)).await.or(Err(SendError::Unresolved))?
        }
    };
    if found.is_empty() {
        return Err(SendError::Unresolved);
    }
    let allowed: Vec<_> =
        found.into_iter().filter(|ip| guard.allows(*ip)).map(|ip| SocketAddr::new(ip, port)).collect();
    if allowed.is_empty() { Err(SendError::NotAllowed) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A resolver that returns one list after another.
    struct Changing(Mutex<Vec<Vec<&'static str>>>);

    impl Resolve for Changing {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let answer = self.0.lock().unwrap().remove(0);
            Ok(answer.into_iter().map(|ip| ip.parse().unwrap()).collect())
        }
    }

    async fn ask(resolver: &Changing) -> Result<Vec<SocketAddr>, SendError> {
        addresses(resolver, Guard::PublicOnly, Host::Domain("rebind.example"), 443).await
    }

    #[test]
    fn in_production_a_name_is_not_completed() {
        assert_eq!(name_to_resolve("postgres.rowhouse", Guard::PublicOnly), "postgres.rowhouse.");
        assert_eq!(name_to_resolve("example.com.", Guard::PublicOnly), "example.com.");
        assert_eq!(name_to_resolve("localhost", Guard::Open), "localhost");
    }

    #[tokio::test]
    async fn a_name_that_turns_private_leads_nowhere() {
        let resolver = Changing(Mutex::new(vec![
            vec!["1.1.1.1"],
            vec!["127.0.0.1"],
            vec!["169.254.169.254", "::1"],
            vec![],
        ]));
        // The checked addresses are the ones that are used, without another query.
        assert_eq!(ask(&resolver).await.unwrap(), ["1.1.1.1:443".parse().unwrap()]);
        assert_eq!(ask(&resolver).await, Err(SendError::NotAllowed));
        assert_eq!(ask(&resolver).await, Err(SendError::NotAllowed));
        assert_eq!(ask(&resolver).await, Err(SendError::Unresolved));
    }

    #[tokio::test]
    async fn of_mixed_addresses_only_the_public_ones_are_left() {
        let resolver = Changing(Mutex::new(vec![vec!["10.0.0.1", "2606:4700::1111", "fd00::1", "1.1.1.1"]]));
        let public = ["[2606:4700::1111]:443".parse().unwrap(), "1.1.1.1:443".parse().unwrap()];
        assert_eq!(ask(&resolver).await.unwrap(), public);
    }

    #[tokio::test]
    async fn an_address_in_the_url_is_checked_without_asking_anybody() {
        let nobody = Changing(Mutex::default());
        let private = addresses(&nobody, Guard::PublicOnly, Host::Ipv4([10, 0, 0, 1].into()), 443).await;
        assert_eq!(private, Err(SendError::NotAllowed));
        let open = addresses(&nobody, Guard::Open, Host::Ipv4([10, 0, 0, 1].into()), 80).await;
        assert_eq!(open.unwrap(), ["10.0.0.1:80".parse().unwrap()]);
        let name = addresses(&nobody, Guard::PublicOnly, Host::Domain("a.internal"), 443).await;
        assert_eq!(name, Err(SendError::NotAllowed));
    }
}
