//! The reasons why emails cannot be sent, and why one was not.

use std::io;
use std::path::PathBuf;

/// The reason why emails cannot be sent, as a message for the operator. None shows a password.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Neither a server nor a directory is configured, or both are.
    #[error(
        "give either an SMTP server with --smtp-url or --smtp-url-file, or, in development, a directory with --mail-dir"
    )]
    Transport,
    /// A directory is configured in production, where nobody would read the emails.
    #[error("--mail-dir is for development: in production emails are sent by --smtp-url")]
    DirectoryInProduction,
    /// The directory is not writable.
    #[error("the mail directory {path} cannot be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server's URL is invalid.
    #[error("--smtp-url: {0}; write smtps://user:password@host or smtp://user:password@host?tls=required")]
    SmtpUrl(String),
    /// The file with the server's URL cannot be read.
    #[error("--smtp-url-file {path}: {reason}")]
    SmtpUrlFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The connection would not be encrypted, so others could read the links.
    #[error(
        "--smtp-url is not encrypted: in production use smtps://… or smtp://…?tls=required, unless the server is on this machine"
    )]
    Unencrypted,
    /// The certificate authorities cannot be read.
    #[error("--smtp-ca-file {path}: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        reason: String,
    },
    /// The sender is not an address.
    #[error("--mail-from has to be an address such as `Rowhouse <rowhouse@example.com>`: {0}")]
    From(String),
    /// The public URL is invalid for links.
    #[error("--public-url has to be an address such as https://app.example.com, with https in production")]
    PublicUrl,
}

/// The reason why an email was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It cannot be sent.
    #[error("{0}")]
    Permanent(String),
    /// It may be sent later.
    #[error("{0}")]
    Temporary(String),
}
