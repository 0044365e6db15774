//! [`Shared`], a connection of the pool with the right to it.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bb8::PooledConnection;

use super::manager::{Manager, PoolConnection};
use crate::TenantId;
use crate::shares::{Full, Permit};

/// A competitor for connections: a tenant, or all transactions without a tenant, such as the look-up of a login's identity or of
/// the next job.
pub(super) type Party = Option<TenantId>;

/// A connection of the pool, with the permit for it.
pub(super) struct Shared {
    // Fields are dropped in this order, so the connection is in the pool before the permit is granted again.
    conn: PooledConnection<'static, Manager>,
    _permit: Permit<TenantId>,
}

impl Shared {
    pub(super) const fn new(conn: PooledConnection<'static, Manager>, permit: Permit<TenantId>) -> Self {
        Self { conn, _permit: permit }
    }
}

impl Deref for Shared {
    type Target = PoolConnection;

    fn deref(&self) -> &PoolConnection {
        &self.conn
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut PoolConnection {
        &mut self.conn
    }
}

/// The reason, as a sentence, why a party got no connection in time.
pub(super) struct WhyFull(pub(super) Party, pub(super) Full);

impl fmt::Display for WhyFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(party, full) = self;
        match full {
            Full::All { size } => {
                write!(f, "all {size} connections of the pool are in use, and none became free in time")
            }
            Full::Share { held, size } => {
                let whose = if party.is_some() { "the tenant" } else { "work that is in no tenant" };
                write!(
                    f,
                    "{whose} has {held} of the {size} connections of the pool in use, which is its share at the moment, and none \
                     of them became free in time"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that a party may not take are not reported as in use.
    #[test]
    fn a_share_is_not_called_a_full_pool() {
        let share = Full::Share { held: 4, size: 8 };
        let tenant = WhyFull(Some(TenantId::generate()), share).to_string();
        assert!(tenant.starts_with("the tenant has 4 of the 8 connections "), "{tenant}");
        let nobody = WhyFull(None, share).to_string();
        assert!(nobody.starts_with("work that is in no tenant has 4 of the 8 connections "), "{nobody}");
        let full = WhyFull(None, Full::All { size: 8 }).to_string();
        assert!(full.starts_with("all 8 connections "), "{full}");
    }
}
