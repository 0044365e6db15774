//! [`Workers`], which run a service's jobs.

mod attempt;
mod crew;
mod global;
mod purge;
mod tenants;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rowhouse_tenancy::TenantDb;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::global::TypedGlobal;
use crate::handler::{AnyHandler, Typed};
use crate::metrics::{GLOBAL, count_due_jobs, expect_attempts};
use crate::{Class, GlobalHandler, GlobalJob, Handler, Job, WorkerArgs};
use crew::Crew;
use global::{GlobalHandlers, GlobalQueue};
use purge::purge_regularly;
use tenants::TenantsQueue;

/// The pause while the database does not answer.
const OUTAGE: Duration = Duration::from_secs(1);
/// The polling intervals with and without notifications.
const LISTENING_INTERVAL: Duration = Duration::from_secs(30);
const POLLING_INTERVAL: Duration = Duration::from_secs(1);

/// A service's workers. Every instance of the service has the same ones.
pub struct Workers {
    db: TenantDb,
    args: WorkerArgs,
    handlers: Handlers,
    global_handlers: GlobalHandlers,
}

/// The handlers by the kind of job.
type Handlers = HashMap<&'static str, Box<dyn AnyHandler>>;

impl Workers {
    /// Creates workers for the queue of the role that the service logs in as.
    #[must_use]
    pub fn new(db: TenantDb, args: WorkerArgs) -> Self {
        Self { db, args, handlers: Handlers::default(), global_handlers: GlobalHandlers::default() }
    }

    /// Sets the handler for a kind of job. Jobs without a handler in any instance wait for a newer one.
    #[must_use]
    pub fn handle<J: Job>(mut self, handler: impl Handler<J>) -> Self {
        expect_attempts(J::CLASS.as_str(), J::KIND);
        self.handlers.insert(J::KIND, Box::new(Typed::<J, _>::new(handler)));
        self
    }

    /// Sets the handler for a kind of job that belongs to no tenant. Its workers do not depend on the number for tenants' jobs.
    #[must_use]
    pub fn handle_global<J: GlobalJob>(
        mut self,
        queue: crate::GlobalQueue<J>,
        handler: impl GlobalHandler<J>,
    ) -> Self {
        expect_attempts(GLOBAL, J::KIND);
        self.global_handlers.insert(J::KIND, Box::new(TypedGlobal { queue, handler }));
        self
    }

    /// Runs until `shutdown` is ready. Running jobs then get the time `drain`, as the service's calls do, and are
    /// released to other instances after that.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send, drain: Duration) {
        let Self { db, args, handlers, global_handlers } = self;
        let mut known: Vec<_> =
            handlers.iter().map(|(kind, handler)| (handler.class().as_str(), *kind)).collect();
        known.extend(global_handlers.keys().map(|kind| (GLOBAL, *kind)));
        let handlers = Arc::new(handlers);
        let crews: Vec<Crew<TenantsQueue>> = Class::ALL
            .into_iter()
            .filter(|class| args.workers_of(*class) > 0)
            .map(|class| {
                let queue = TenantsQueue::new(db.clone(), class, args.clone(), Arc::clone(&handlers));
                Crew::new(class.as_str(), queue, db.clone())
            })
            .collect();
        let without_global = global_handlers.is_empty();
        let global =
            Crew::new("global", GlobalQueue::new(db.clone(), global_handlers, args.lease), db.clone());
        if crews.is_empty() && without_global {
            return shutdown.await;
        }
        let (stop, stopping) = watch::channel(false);
        let calling = async {
            let mut listener = db.listen_for_role("jobs_");
            let mut beside = JoinSet::new();
            beside.spawn(purge_regularly(db.clone()));
            beside.spawn(count_due_jobs(db, known));
            let mut shutdown = std::pin::pin!(shutdown);
            loop {
                // Seldom only while notifications arrive.
                let interval = if listener.is_listening() { LISTENING_INTERVAL } else { POLLING_INTERVAL };
                tokio::select! {
                    () = &mut shutdown => break,
                    () = listener.notified() => {}
                    () = sleep(interval) => {}
                }
                crews.iter().for_each(Crew::look);
                global.look();
            }
            stop.send_replace(true);
        };
        let working = join_all(crews.iter().map(|crew| crew.work(stopping.clone(), drain)));
        tokio::join!(calling, working, global.work(stopping.clone(), drain));
    }
}
