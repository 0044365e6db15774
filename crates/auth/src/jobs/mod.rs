//! Background work in a tenant. What belongs to no tenant is in the outbox.

mod send_letter;

pub(crate) use send_letter::{LetterSender, SendLetter, WELCOME};
