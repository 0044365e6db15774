//! The first email to a new person.

use rowhouse_jobs::Failure;
use rowhouse_tenancy::{DbError, Transaction};

use super::Task;
use crate::domain::{OneTimePurpose, OneTimeToken, UserId};
use crate::error::Error;
use crate::mail::EmailContent;
use crate::mail::limits::Permit;
use crate::store::one_time_tokens::insert_token;

/// The reason why the first message cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstMessageError {
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<FirstMessageError> for Error {
    fn from(error: FirstMessageError) -> Self {
        match error {
            FirstMessageError::Random(error) => error.into(),
            FirstMessageError::Db(error) => error.into(),
        }
    }
}

impl From<FirstMessageError> for Failure {
    fn from(error: FirstMessageError) -> Self {
        match error {
            FirstMessageError::Random(error) => Self::retry(error),
            FirstMessageError::Db(error) => error.into(),
        }
    }
}

/// Creates the email by which a new person confirms the address, or sets a password, which also confirms it. Links of
/// earlier ones stay valid, since they may only be delayed.
pub(crate) async fn first_message(
    tx: &mut impl Transaction,
    permit: Permit,
    user: UserId,
    has_password: bool,
) -> Result<Task, FirstMessageError> {
    let token = OneTimeToken::generate()?;
    let text = token.expose();
    let (purpose, content) = if has_password {
        (OneTimePurpose::VerifyEmail, EmailContent::VerifyEmail { token: text })
    } else {
        (OneTimePurpose::SetPassword, EmailContent::SetPassword { token: text, first: true })
    };
    insert_token(tx, &token, user, purpose, OneTimeToken::FIRST_LIFETIME).await?;
    Ok(Task::Mail(permit.email(content)))
}
