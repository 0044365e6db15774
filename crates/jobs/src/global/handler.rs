//! The handler of a kind of job that belongs to no tenant.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{GlobalJob, GlobalQueue, GlobalRun};
use crate::{Failure, JobId};

/// The number of attempts at a job that this program cannot read: another instance, of a newer version or with a newer key, may
/// be able to.
const UNREADABLE_ATTEMPTS: i32 = 8;

/// Runs the jobs of one kind that belongs to no tenant.
pub trait GlobalHandler<J: GlobalJob>: Send + Sync + 'static {
    /// Runs the job. An earlier attempt may have stopped at any point.
    ///
    /// Work that is committed by [`GlobalRun::complete`] is done once. If `Ok` is returned without it, the job is removed after the
    /// return. The text of a failure appears only in the log. A job that has failed for good is removed as well.
    fn run(&self, run: &GlobalRun, job: J) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A handler behind the name of its kind.
pub(crate) trait AnyGlobalHandler: Send + Sync {
    fn max_attempts(&self) -> i32;
    fn run<'a>(
        &'a self,
        run: &'a GlobalRun,
        id: JobId,
        payload: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

pub(crate) struct TypedGlobal<J, H> {
    pub(crate) queue: GlobalQueue<J>,
    pub(crate) handler: H,
}

impl<J: GlobalJob, H: GlobalHandler<J>> AnyGlobalHandler for TypedGlobal<J, H> {
    fn max_attempts(&self) -> i32 {
        J::MAX_ATTEMPTS
    }

    fn run<'a>(
        &'a self,
        run: &'a GlobalRun,
        id: JobId,
        payload: &'a [u8],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            match self.queue.decrypt(id, payload) {
                Some(job) => self.handler.run(run, job).await,
                None if run.attempt() >= UNREADABLE_ATTEMPTS => {
                    Err(Failure::fatal("no instance can read its payload"))
                }
                None => Err(Failure::retry(
                    "this version of the program cannot read its payload, or has other keys",
                )),
            }
        }
        .boxed()
    }
}
