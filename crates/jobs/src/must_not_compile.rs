//! Examples of code that leaves out the tenant or the class and does not compile. `cargo test --doc` runs them.

/// A job can be enqueued in a tenant's transaction:
///
/// ```
/// use rowhouse_jobs::{Class, EnqueueError, Job, JobId, NewJob, enqueue};
/// use rowhouse_tenancy::TenantTx;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Remind { order: String }
///
/// impl Job for Remind {
///     const KIND: &'static str = "order.remind";
///     const CLASS: Class = Class::Delivery;
/// }
///
/// async fn remind(tx: &mut TenantTx, order: String) -> Result<JobId, EnqueueError> {
///     enqueue(tx, NewJob::new(Remind { order })).await
/// }
/// ```
///
/// It cannot be enqueued in a transaction without a tenant:
///
/// ```compile_fail,E0308
/// # use rowhouse_jobs::{Class, EnqueueError, Job, JobId, NewJob, enqueue};
/// use rowhouse_tenancy::GlobalTx;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Remind { order: String }
/// # impl Job for Remind { const KIND: &'static str = "order.remind"; const CLASS: Class = Class::Delivery; }
/// async fn remind(tx: &mut GlobalTx, order: String) -> Result<JobId, EnqueueError> {
///     enqueue(tx, NewJob::new(Remind { order })).await
/// }
/// ```
///
/// It cannot be enqueued without a transaction:
///
/// ```compile_fail,E0061
/// # use rowhouse_jobs::{Class, EnqueueError, Job, JobId, NewJob, enqueue};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Remind { order: String }
/// # impl Job for Remind { const KIND: &'static str = "order.remind"; const CLASS: Class = Class::Delivery; }
/// async fn remind(order: String) -> Result<JobId, EnqueueError> {
///     enqueue(NewJob::new(Remind { order })).await
/// }
/// ```
pub struct WithoutTenant;

/// A handler reads and writes through its run:
///
/// ```
/// use rowhouse_jobs::{Class, Failure, Handler, Job, Run};
/// use rowhouse_tenancy::TenantDb;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Remind;
/// impl Job for Remind {
///     const KIND: &'static str = "order.remind";
///     const CLASS: Class = Class::Delivery;
/// }
///
/// struct Reminder;
/// impl Handler<Remind> for Reminder {
///     async fn run(&self, run: &Run, _: Remind) -> Result<(), Failure> {
///         run.complete("orders.remind", async |_| Ok::<_, Failure>(())).await
///     }
/// }
/// ```
///
/// Only a claimed job has a run:
///
/// ```compile_fail,E0624
/// let run = rowhouse_jobs::Run::new;
/// ```
pub struct WithoutRun;

/// A job of a tenant cannot be enqueued as a global one:
///
/// ```compile_fail,E0277
/// # use rowhouse_jobs::{Class, GlobalQueue, Job};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Remind { order: String }
/// # impl Job for Remind { const KIND: &'static str = "order.remind"; const CLASS: Class = Class::Delivery; }
/// fn queue(encryption: rowhouse_chassis::encryption::EncryptionKeys) -> GlobalQueue<Remind> {
///     GlobalQueue::new(encryption)
/// }
/// ```
pub struct WithoutDeclaration;

/// A job must declare its class:
///
/// ```compile_fail,E0046
/// # use rowhouse_jobs::Job;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct Remind;
/// impl Job for Remind {
///     const KIND: &'static str = "order.remind";
/// }
/// ```
pub struct WithoutClass;
