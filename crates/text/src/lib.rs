//! What people type: lines of text, e-mail addresses and passwords. Every service and the command line take them by these rules
//! and no others.

mod characters;
mod email_address;
mod line;
mod password;

pub use characters::{is_blank, is_mark, printable};
pub use email_address::{EmailAddress, InvalidEmailAddress};
pub use line::{InvalidText, Text};
pub use password::{InvalidPassword, Password};
