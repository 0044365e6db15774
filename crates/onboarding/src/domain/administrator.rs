//! A tenant's first owner, as the caller names them.

use rowhouse_text::{EmailAddress, Password};

/// An address and a password. Auth, which keeps them, has the last word: it refuses the commonest passwords.
pub(crate) struct Administrator {
    pub(crate) email: EmailAddress,
    /// Without one, the person is mailed a link to set it, or to join.
    pub(crate) password: Option<Password>,
}
