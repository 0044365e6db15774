//! The bound on a transaction's body.

/// An async closure whose future is `Send`.
///
/// `AsyncFnOnce` alone cannot say so on stable Rust; diesel-async has the same trait, but keeps it private.
/// It is implemented for every closure that fits, and for nothing else.
pub trait TransactionBody<Tx, R>:
    AsyncFnOnce(Tx) -> R + FnOnce(Tx) -> <Self as TransactionBody<Tx, R>>::Future
{
    /// What the closure returns.
    type Future: Future<Output = R>;
}

impl<F, Tx, R, Fut> TransactionBody<Tx, R> for F
where
    F: AsyncFnOnce(Tx) -> R + FnOnce(Tx) -> Fut,
    Fut: Future<Output = R>,
{
    type Future = Fut;
}
