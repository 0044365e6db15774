//! [`sqlstate`], which returns the SQLSTATE of a diesel error.

use diesel::result::Error;

/// Returns the SQLSTATE of an error from the server: five digits and capital letters, independent of the server's language.
///
/// Only errors from connections of this crate have one; it is stored in the field that diesel has for the column name.
#[must_use]
pub fn sqlstate(error: &Error) -> Option<&str> {
    let Error::DatabaseError(_, information) = error else { return None };
    information.column_name().filter(|name| is_sqlstate(name.as_bytes()))
}

pub(crate) fn is_sqlstate(text: &[u8]) -> bool {
    text.len() == 5 && text.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}
