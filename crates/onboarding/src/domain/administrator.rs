//! A tenant's first owner, as named by the caller.

use rowhouse_text::{EmailAddress, Password};

/// An address and a password. Auth stores them and decides: it also refuses common passwords.
pub(crate) struct Administrator {
    pub(crate) email: EmailAddress,
    /// The password. Without one, the person gets an email with a link to set it or to join.
    pub(crate) password: Option<Password>,
}
