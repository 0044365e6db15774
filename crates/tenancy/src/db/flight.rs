//! A transaction in one flight: the opening, one statement, and COMMIT.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use diesel::QueryResult;
use diesel::result::Error;
use futures_util::future::{MaybeDone, maybe_done};
use tokio::task::coop::unconstrained;

use super::prepared::Prepared;

/// The results of a flight.
pub(super) struct Flight<R> {
    pub(super) opened: QueryResult<()>,
    pub(super) statement: QueryResult<R>,
    pub(super) ending: Ending,
}

/// The end of the transaction of a flight.
pub(super) enum Ending {
    /// COMMIT was sent with the statement, and answered. Of a failed transaction, it is the rollback.
    Sent(QueryResult<()>),
    /// COMMIT was not sent, since the statement had to be prepared.
    Unsent,
    /// COMMIT was answered before the statement, which ran outside of the transaction: see [`send_together`].
    Overtaken,
}

/// Sends the opening, a statement that the connection has prepared, and COMMIT, in this order and in one flight.
///
/// Each future sends its message when it is first polled. The statement does, since nothing makes it wait: it need not be prepared, nobody
/// else uses its connection, and the runtime's budget, which makes busy tasks pause, does not count here. If it is prepared nevertheless,
/// COMMIT is left out. Should a later version of a library ask the server something before it sends or prepares a statement, the order of
/// the answers shows it, unless they come together. A statement that ran outside of the transaction would see no tenant's rows.
pub(super) async fn send_together<R>(
    opening: impl Future<Output = QueryResult<()>>,
    statement: impl Future<Output = QueryResult<R>>,
    commit: impl Future<Output = QueryResult<()>>,
    prepared: &Prepared,
) -> Flight<R> {
    let mut opening = pin!(maybe_done(opening));
    let mut statement = pin!(maybe_done(statement));
    let mut commit = pin!(maybe_done(commit));
    let (mut sent, mut overtaken) = (false, false);
    prepared.watch();
    let answers = poll_fn(|context| {
        let opened = opening.as_mut().poll(context).is_ready();
        let mut answered = statement.as_mut().poll(context).is_ready();
        if sent || !prepared.is_preparing() {
            sent = true;
            overtaken |= prepared.is_preparing();
            if commit.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        if !answered && matches!(&*commit, MaybeDone::Done(Ok(()))) {
            // Its answer may have come after the look at it.
            answered = statement.as_mut().poll(context).is_ready();
            overtaken |= !answered;
        }
        if (opened && answered) || overtaken { Poll::Ready(()) } else { Poll::Pending }
    });
    unconstrained(answers).await;
    let ending = match commit.as_mut().take_output() {
        _ if overtaken => Ending::Overtaken,
        Some(answer) => Ending::Sent(answer),
        None => Ending::Unsent,
    };
    // A future without an output has been overtaken.
    let opened = opening.as_mut().take_output().unwrap_or(Err(Error::BrokenTransactionManager));
    let statement = statement.as_mut().take_output().unwrap_or(Err(Error::BrokenTransactionManager));
    Flight { opened, statement, ending }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use diesel::connection::{Instrumentation, InstrumentationEvent};
    use tokio::task::yield_now;

    use super::*;

    /// A statement that is sent when it is polled for the second time.
    async fn late() -> QueryResult<&'static str> {
        yield_now().await;
        Ok("rows")
    }

    /// A COMMIT that is answered when it is polled for the fourth time.
    async fn late_commit() -> QueryResult<()> {
        for _ in 0..3 {
            yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_answers_come_in_the_order_of_the_messages() {
        let flight =
            send_together(ready(Ok(())), ready(Ok("rows")), ready(Ok(())), &Prepared::default()).await;
        assert_eq!((flight.opened, flight.statement), (Ok(()), Ok("rows")));
        assert!(matches!(flight.ending, Ending::Sent(Ok(()))));
        let flight = send_together(ready(Ok(())), late(), late_commit(), &Prepared::default()).await;
        assert!(matches!((flight.statement, flight.ending), (Ok("rows"), Ending::Sent(Ok(())))));
    }

    #[tokio::test]
    async fn a_statement_that_is_sent_late_is_detected() {
        let pending = std::future::pending::<QueryResult<&str>>();
        let flight = send_together(ready(Ok(())), pending, ready(Ok(())), &Prepared::default()).await;
        assert!(matches!(flight.ending, Ending::Overtaken));
        // A connection that is lost is no overtaking.
        let lost = || ready(Err(Error::NotFound));
        let flight = send_together(lost(), late(), lost(), &Prepared::default()).await;
        assert!(matches!(flight.ending, Ending::Sent(Err(_))));
    }

    #[tokio::test]
    async fn a_statement_that_is_prepared_after_commit_was_sent_is_detected() {
        let prepared = Prepared::default();
        let mut watching = prepared.clone();
        let preparing = async move {
            yield_now().await;
            watching.on_connection_event(InstrumentationEvent::cache_query("SELECT 1"));
            late().await
        };
        let flight = send_together(ready(Ok(())), preparing, late_commit(), &prepared).await;
        assert!(matches!(flight.ending, Ending::Overtaken));
    }

    #[tokio::test]
    async fn commit_waits_for_a_statement_that_is_being_prepared() {
        let prepared = Prepared::default();
        let mut watching = prepared.clone();
        let preparing = async move {
            watching.on_connection_event(InstrumentationEvent::cache_query("SELECT 1"));
            late().await
        };
        let commit = async { panic!("COMMIT was sent") };
        let flight = send_together(ready(Ok(())), preparing, commit, &prepared).await;
        assert!(matches!((flight.statement, flight.ending), (Ok("rows"), Ending::Unsent)));
    }
}
