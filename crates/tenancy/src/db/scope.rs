//! The scope of a transaction: one tenant, or none.

use super::shared::Party;
use crate::TenantId;

/// The rows that a transaction sees: those of one tenant, or those of no tenant.
pub trait TransactionScope: sealed::Sealed + sealed::Competes + Send {}

/// One tenant.
#[derive(Clone, Copy, Debug)]
pub struct Tenant(pub(super) TenantId);

/// No tenant.
#[derive(Clone, Copy, Debug)]
pub struct Global;

impl TransactionScope for Tenant {}
impl TransactionScope for Global {}

mod sealed {
    use super::Party;

    /// The party whose share of the pool a transaction counts against.
    pub trait Competes {
        fn party(&self) -> Party;
    }

    impl Competes for super::Tenant {
        fn party(&self) -> Party {
            Some(self.0)
        }
    }

    impl Competes for super::Global {
        fn party(&self) -> Party {
            None
        }
    }

    pub trait Sealed {}
    impl Sealed for super::Tenant {}
    impl Sealed for super::Global {}
}
