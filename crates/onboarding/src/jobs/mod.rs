//! Background work: setting a tenant up, and taking back what was done for one that cannot be.

mod delay;
mod set_up;
mod take_back;

pub(crate) use set_up::{SetUp, SetUpTenant};
pub(crate) use take_back::{TakeBack, TakeBackTenant};
