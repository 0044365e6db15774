//! Validated types for what people type: lines of text, email addresses and passwords. All services and the command line
//! use these rules.

mod characters;
mod email_address;
mod line;
mod password;

pub use characters::{is_blank, is_mark, printable};
pub use email_address::{EmailAddress, InvalidEmailAddress};
pub use line::{InvalidText, Text};
pub use password::{InvalidPassword, Password};
