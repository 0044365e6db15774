//! [`AddressError`], the reason why an address is invalid.

/// The reason why an address is invalid. No variant shows it, since it contains a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The URL cannot be parsed.
    #[error("the database URL cannot be read ({0}); write postgres://role:password@host:port/database")]
    Url(#[source] tokio_postgres::Error),
    /// `sslmode` has another value than libpq knows.
    #[error(
        "the database URL has sslmode={0}; write disable, allow, prefer, require, verify-ca or verify-full"
    )]
    SslMode(String),
    /// The certificate is to be verified, and there is nothing to verify it against.
    #[error(
        "the database URL has sslmode={0}, and there are no authorities to verify the server's certificate against: name \
         their file with --database-ca-file or with sslrootcert in the URL, or write sslrootcert=system for those of the \
         operating system"
    )]
    NoAuthorities(&'static str),
    /// A certificate of any host has a signature of the system's authorities.
    #[error(
        "the authorities of the operating system sign certificates for everybody: use sslmode=verify-full with \
         sslrootcert=system, so that the server's name is verified"
    )]
    WeakWithSystem,
    /// TLS cannot begin at once if it may be left out.
    #[error("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")]
    WeakWithDirect,
    /// A certificate is useless without its key, and the other way round.
    #[error("the database URL has only one of sslcert and sslkey: name both files")]
    HalfIdentity,
    /// The connection might not be encrypted.
    #[error(
        "the connection to the database at {0} might not be encrypted: write sslmode=verify-full into the database URL, \
         with the server's authorities in --database-ca-file or sslrootcert=system; production needs it for every host but \
         this machine"
    )]
    Plaintext(String),
}
