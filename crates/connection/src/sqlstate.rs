//! The SQLSTATE of diesel's errors.

use diesel::result::Error;

/// The SQLSTATE of an error of the server: five digits and capital letters, in no language.
///
/// Only errors that came over a connection of this crate have one: there it stands where diesel has the column's name.
#[must_use]
pub fn sqlstate(error: &Error) -> Option<&str> {
    let Error::DatabaseError(_, information) = error else { return None };
    information.column_name().filter(|name| is_sqlstate(name.as_bytes()))
}

pub(crate) fn is_sqlstate(text: &[u8]) -> bool {
    text.len() == 5 && text.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}
