//! [`TransactionBody`], the bound on the body of a transaction.

/// An async closure whose future is `Send`.
///
/// On stable Rust, `AsyncFnOnce` cannot express this bound; diesel-async has the same trait, but keeps it private.
/// It is implemented for every closure that satisfies it.
pub trait TransactionBody<Tx, R>:
    AsyncFnOnce(Tx) -> R + FnOnce(Tx) -> <Self as TransactionBody<Tx, R>>::Future
{
    /// The future that the closure returns.
    type Future: Future<Output = R>;
}

impl<F, Tx, R, Fut> TransactionBody<Tx, R> for F
where
    F: AsyncFnOnce(Tx) -> R + FnOnce(Tx) -> Fut,
    Fut: Future<Output = R>,
{
    type Future = Fut;
}
