//! Resolution of the names of services.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::sleep;

use super::instance::Instance;
use super::target::{Host, Target};

/// The interval between two look-ups of a name. With the two seconds that a look-up may take, and the records' lifetime of
/// zero to five seconds in Kubernetes, a new instance gets calls within seconds, and a load of half a query per second and name
/// is none to a resolver.
const INTERVAL: Duration = Duration::from_secs(2);

/// The instances of a service, or `None` before the first look-up. They are none if no look-up has succeeded yet.
pub(super) type Instances = Option<Arc<[Arc<Instance>]>>;

/// Finds the addresses of a host and a port.
pub type Resolve = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Returns the operating system's resolver.
pub(super) fn system() -> Resolve {
    Arc::new(|host, port| Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }))
}

/// Follows the addresses of the targets until the receiver and its clones are dropped. Needs a tokio runtime.
pub(super) fn follow(targets: Vec<Target>, resolve: Resolve) -> watch::Receiver<Instances> {
    let (sender, receiver) = watch::channel(None);
    let mut targets: Vec<_> = targets
        .into_iter()
        .map(|target| Followed { target, addresses: BTreeSet::new(), failing: false })
        .collect();
    for followed in &mut targets {
        if let Host::Address(address) = followed.target.host {
            followed.addresses.insert((address, followed.target.port).into());
        }
    }
    if targets.iter().all(|followed| matches!(followed.target.host, Host::Address(_))) {
        publish(&targets, &sender);
    } else {
        tokio::spawn(look_up(targets, resolve, sender));
    }
    receiver
}

struct Followed {
    target: Target,
    /// The addresses of the last look-up that succeeded.
    addresses: BTreeSet<SocketAddr>,
    failing: bool,
}

async fn look_up(mut targets: Vec<Followed>, resolve: Resolve, sender: watch::Sender<Instances>) {
    loop {
        join_all(targets.iter_mut().map(|followed| followed.look_up(&resolve))).await;
        publish(&targets, &sender);
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = sender.closed() => return,
        }
    }
}

impl Followed {
    async fn look_up(&mut self, resolve: &Resolve) {
        let Host::Name(name) = &self.target.host else { return };
        let failure = match resolve(name.clone(), self.target.port).await {
            Ok(found) if !found.is_empty() => {
                self.addresses = found.into_iter().collect();
                self.failing = false;
                return;
            }
            Ok(_none) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        // The last addresses stay: a resolver that is down must not take the services with it.
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(name, "the name of a service cannot be resolved: {name}: {failure}");
        }
    }
}

/// Publishes the instances if they have changed. An instance that stays keeps its connection. One that is gone finishes the calls
/// that it has.
fn publish(targets: &[Followed], sender: &watch::Sender<Instances>) {
    sender.send_if_modified(|current| {
        let known: &[Arc<Instance>] = current.as_deref().unwrap_or_default();
        let wanted = || {
            targets
                .iter()
                .flat_map(|followed| followed.addresses.iter().map(move |at| (&followed.target, *at)))
        };
        let same = current.is_some()
            && known.len() == wanted().count()
            && wanted().zip(known).all(|((_, address), instance)| instance.address == address);
        if same {
            return false;
        }
        let instances: Arc<[_]> = wanted()
            .filter_map(|(target, address)| {
                let kept = known.iter().find(|instance| instance.address == address).cloned();
                kept.or_else(|| Some(Arc::new(Instance::new(address, target.connect(address)?))))
            })
            .collect();
        tracing::debug!(addresses = ?instances, "the instances of a service");
        *current = Some(instances);
        true
    });
}
