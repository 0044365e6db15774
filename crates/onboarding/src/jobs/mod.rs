//! The jobs that set a tenant up, and that remove what was done for one that failed.

mod delay;
mod set_up;
mod take_back;

pub(crate) use set_up::{SetUpTenant, SetUpTenantHandler};
pub(crate) use take_back::{TakeBackTenant, TakeBackTenantHandler};
