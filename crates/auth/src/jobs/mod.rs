//! Background work in a tenant. What belongs to no tenant is in the outbox.

mod send_letter;

pub(crate) use send_letter::{FIRST_INVITATION, LetterSender, SendLetter, WELCOME};
