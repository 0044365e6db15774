//! The roles by which the services log in.

/// A service's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The auth service's.
    Auth,
    /// The onboarding service's.
    Onboarding,
    /// The orders service's.
    Orders,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Onboarding, Self::Orders];

    /// Its name in PostgreSQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "rowhouse_auth",
            Self::Onboarding => "rowhouse_onboarding",
            Self::Orders => "rowhouse_orders",
        }
    }
}
