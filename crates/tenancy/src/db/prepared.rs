//! The statements that a connection has prepared.

use std::any::TypeId;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment, QueryId};

/// A statement, as far as its text is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StatementKey {
    Type(TypeId),
    /// The hash of the text of a statement that is put together while the program runs.
    Text(u64),
}

impl StatementKey {
    /// Returns the key of a statement that diesel keeps prepared by itself, or `None` for others, such as raw SQL.
    pub(super) fn of<Q: QueryFragment<Pg> + QueryId>(query: &Q) -> Option<Self> {
        if !query.is_safe_to_cache_prepared(&Pg).ok()? {
            return None;
        }
        if let Some(id) = Q::query_id() {
            return Some(Self::Type(id));
        }
        let mut text = PgQueryBuilder::default();
        query.to_sql(&mut text, &Pg).ok()?;
        let mut hasher = DefaultHasher::new();
        text.finish().hash(&mut hasher);
        Some(Self::Text(hasher.finish()))
    }
}

/// The statements of reads that a connection has prepared. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Prepared(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    statements: Mutex<HashSet<StatementKey>>,
    /// True if a statement was prepared since it was last set to false.
    preparing: AtomicBool,
}

impl Prepared {
    /// Returns whether a read has executed a statement on this connection before.
    pub(super) fn has(&self, statement: StatementKey) -> bool {
        self.0.statements.lock().unwrap_or_else(PoisonError::into_inner).contains(&statement)
    }

    /// Records that a read has executed a statement on this connection.
    pub(super) fn add(&self, statement: StatementKey) {
        self.0.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(statement);
    }

    /// Begins to watch whether statements are prepared.
    pub(super) fn watch(&self) {
        self.0.preparing.store(false, Ordering::Relaxed);
    }

    /// Returns whether a statement is being prepared, or was since [`Prepared::watch`].
    pub(super) fn is_preparing(&self) -> bool {
        self.0.preparing.load(Ordering::Relaxed)
    }
}

impl Instrumentation for Prepared {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
            self.0.preparing.store(true, Ordering::Relaxed);
        }
    }
}
