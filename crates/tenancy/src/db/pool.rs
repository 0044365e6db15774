//! [`TenantDb`], a pool that hands out transactions and no connections.

use std::fmt::Display;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8::Pool;
use tokio::time::timeout;
use tracing::{Instrument, field};

use super::availability::Availability;
use super::connect::Connector;
use super::manager::{Manager, PoolConnection};
use super::metrics::{End, Measured, PoolMetrics};
use super::opening::Opening;
use super::session;
use super::shared::{Party, Shared, WhyFull};
use super::usage::Usage;
use super::{
    ConnectError, DatabaseConfig, DbError, Global, GlobalTx, SchemaVersion, Tenant, TenantTx,
    TransactionBody, TransactionScope, Tx, schema,
};
use crate::shares::Shares;
use crate::{TenantContext, TenantId, audit};

/// The time limits for an open connection to answer a query and for a new one to be made. A busy server must not be taken
/// for a dead connection, and a dead one must be replaced within five seconds of the query.
const ANSWER: Duration = Duration::from_secs(3);
const NEW_ANSWER: Duration = Duration::from_secs(1);
/// The time for which readiness waits for an idle connection, which others may take first.
const AT_ONCE: Duration = Duration::from_millis(100);
const NO_CONNECTION: &str = "a new connection was not made in time";

/// A service's connections. Clones share them.
#[derive(Clone)]
pub struct TenantDb {
    pool: Arc<Pool<Manager>>,
    shares: Shares<TenantId>,
    acquire_timeout: Duration,
    connector: Connector,
    availability: Arc<Availability>,
    /// Readiness has a connection of its own: a pool whose connections are all in use is busy, not unavailable.
    probe: Pool<Manager>,
    /// Connections are made until this value and its clones are dropped.
    _alive: Arc<()>,
    metrics: PoolMetrics,
    usage: Arc<Usage>,
}

impl TenantDb {
    /// Creates the pool. Fails if the server cannot be reached or is read-only, if a setting would make results wrong, or if
    /// the pooler is unsuitable, so that such errors do not wait for the first request.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let connector = Connector::new(config);
        connector.check_pooler().await?;
        let (mut conn, session) = connector.connect().await?;
        if session.read_only {
            return Err(ConnectError::ReadOnly(session::why_read_only(&mut conn).await?));
        }
        let role = connector.role().await?;
        Ok(Self::over(connector, config, role))
    }

    /// Checks the address and the certificates that it names, and creates a pool that never connects: every transaction fails. It
    /// is for checking a configuration.
    pub async fn unconnected(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        Ok(Self::over(Connector::unconnected(config).await?, config, String::new()))
    }

    fn over(connector: Connector, config: &DatabaseConfig, role: String) -> Self {
        let availability = Arc::new(Availability::new());
        let alive = Arc::new(());
        let pool = |size, acquire_timeout| {
            Pool::builder()
                .max_size(size)
                .connection_timeout(acquire_timeout)
                .test_on_check_out(true)
                // For idle connections; those in use are checked when they are returned.
                .max_lifetime(config.max_lifetime.max(Duration::from_secs(1)))
                // The manager itself retries until there is a connection.
                .retry_connection(false)
                .build_unchecked(Manager::new(
                    connector.clone(),
                    config.max_lifetime,
                    Arc::clone(&availability),
                    Arc::downgrade(&alive),
                ))
        };
        let (pool, probe) = (pool(config.pool_size.max(1), config.acquire_timeout), pool(1, ANSWER));
        let pool = Arc::new(pool);
        let shares = Shares::new(usize::try_from(config.pool_size).unwrap_or(usize::MAX));
        let metrics = PoolMetrics::observe(role, config.pool_size, &pool, &shares);
        Self {
            pool,
            shares,
            acquire_timeout: config.acquire_timeout,
            connector,
            availability,
            probe,
            _alive: alive,
            metrics,
            usage: Arc::default(),
        }
    }

    /// Runs `body` in a transaction that sees the rows of the context's tenant and of no other.
    ///
    /// The transaction is committed when the body returns `Ok` and rolled back when it returns `Err`. `operation`, such as
    /// `orders.create`, names it in traces and metrics. The first statement travels with the opening, so a body of one
    /// statement takes two round trips; every further statement takes one. Dropping the future cancels the
    /// statement on the server and closes the connection.
    ///
    /// The call waits until its tenant may take a connection: while others use the pool, a tenant holds at most half of it,
    /// and waiting tenants take turns.
    ///
    /// The body must wait for nothing but its statements, since it holds a connection.
    pub async fn tx<T, E, F>(&self, cx: &TenantContext, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        self.run(Tenant(cx.tenant()), operation, Opening::of(cx), body).await
    }

    /// Does the same for a body that reads, with one statement, and is faster: a statement that its connection has prepared before
    /// travels with the opening and with COMMIT, so the transaction takes one round trip. Raw SQL always takes two. The statement's rows are
    /// in memory at once.
    ///
    /// A second statement is an error, and so is one that writes.
    pub async fn read<T, E, F>(&self, cx: &TenantContext, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        self.run(Tenant(cx.tenant()), operation, Opening::single_read(cx), body).await
    }

    /// Runs `body` as [`tx`](Self::tx) does, in one transaction for several callers of a tenant. If one of them is refused, such as one
    /// whose token was revoked, the transaction is. Callers of another tenant are an error.
    pub async fn tx_together<'cx, T, E, F>(
        &self,
        first: &'cx TenantContext,
        others: impl Iterator<Item = &'cx TenantContext>,
        operation: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let opening = Opening::of_all(iter::once(first).chain(others));
        self.run(Tenant(first.tenant()), operation, opening, body).await
    }

    /// Runs `body` in a transaction for a tenant that does not exist yet. The body creates the tenant and its first rows; if it
    /// does not, nothing is committed. An existing tenant is refused. Only the onboarding service's role may do this.
    pub async fn new_tenant_tx<T, E, F>(
        &self,
        cx: &TenantContext,
        operation: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        self.run(Tenant(cx.tenant()), operation, Opening::new_tenant(cx.tenant()), body).await
    }

    /// Runs `body` in a transaction without a tenant, for the global tables, such as identities, and for
    /// the functions that look across tenants. Row-level security hides the rows of all tenants from it.
    pub async fn global_tx<T, E, F>(&self, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut GlobalTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        self.run(Global, operation, Opening::global(), body).await
    }

    async fn run<S, T, E, F>(
        &self,
        scope: S,
        operation: &'static str,
        opening: Opening,
        body: F,
    ) -> Result<T, E>
    where
        S: TransactionScope,
        F: for<'tx> TransactionBody<&'tx mut Tx<S>, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let party = scope.party();
        let tenant_id = party.map(field::display);
        let span = tracing::info_span!("transaction", otel.name = operation, tenant_id);
        let running = async move {
            let mut measured = Measured::begin(operation, party, &self.usage);
            let conn = self.acquire(party).await.inspect_err(|_| measured.end = End::NoConnection)?;
            measured.began = Instant::now();
            let log = Arc::clone(&measured.log);
            let mut tx =
                Tx::new(conn, self.connector.clone(), Arc::clone(&self.availability), scope, opening, log);
            match body(&mut tx).await {
                Ok(value) => {
                    tx.commit().await.inspect_err(|_| measured.end = End::RolledBack)?;
                    measured.end = End::Committed;
                    Ok(value)
                }
                Err(error) => {
                    tx.rollback().await;
                    measured.end = End::RolledBack;
                    Err(error)
                }
            }
        };
        running.instrument(span).await
    }

    /// Runs the catalogue audit as this service's role and returns the violations.
    pub async fn audit(&self, scope: &audit::AuditScope) -> Result<Vec<audit::Violation>, DbError> {
        let mut conn = self.acquire(None).await?;
        Ok(audit::run(&mut **conn, scope).await?)
    }

    /// Returns the role of the database's address.
    #[must_use]
    pub fn role_name(&self) -> String {
        self.metrics.role()
    }

    /// Returns the time since 1970 at which the certificate that the server presented last expires, or `None` without encryption.
    #[must_use]
    pub fn certificate_expiry(&self) -> Option<Duration> {
        self.connector.certificate_expiry()
    }

    /// Returns the role that statements run as.
    pub async fn role(&self) -> Result<String, DbError> {
        use diesel::dsl::sql;
        use diesel_async::RunQueryDsl;
        let mut conn = self.acquire(None).await?;
        let role = sql::<diesel::sql_types::Text>("SELECT current_user::text");
        Ok(role.get_result(&mut **conn).await?)
    }

    /// Returns the server's version as a number, such as 150018 for 15.18.
    pub async fn server_version(&self) -> Result<i32, DbError> {
        use diesel::dsl::sql;
        use diesel_async::RunQueryDsl;
        let mut conn = self.acquire(None).await?;
        let version = sql::<diesel::sql_types::Integer>("SELECT current_setting('server_version_num')::int");
        Ok(version.get_result(&mut **conn).await?)
    }

    /// Returns the version of the schema, or `None` if the schema is too old to have the function that reports it.
    pub async fn schema_version(&self) -> Result<Option<SchemaVersion>, DbError> {
        let mut conn = self.acquire(None).await?;
        schema::version(&mut conn).await
    }

    /// Checks, on a connection of its own, that the database can be written to. If it cannot, the reason is logged once.
    ///
    /// Readiness calls this once a second, so it also detects that another server has taken over the same name.
    pub async fn ping(&self) -> Result<(), DbError> {
        let db = self.clone();
        // A caller that stops waiting must not stop the check.
        let asked = tokio::spawn(async move {
            let answer = db.probe().await;
            db.availability.answers(answer.as_ref().map(drop));
            answer
        });
        asked.await.unwrap_or_else(|error| Err(DbError::Unavailable(error.to_string())))
    }

    async fn probe(&self) -> Result<(), DbError> {
        let late = |_unusable| DbError::Unavailable(self.availability.reason(&NO_CONNECTION));
        let mut own = self.probe.get_owned().await.map_err(late)?;
        let writable = self.ask(&mut own).await;
        // An idle connection may be dead although the own one, which is newer, is not. It has no say in readiness.
        if self.pool.state().idle_connections > 0
            && let Ok(Ok(mut idle)) = timeout(AT_ONCE, self.acquire(None)).await
        {
            let db = self.clone();
            tokio::spawn(async move { drop(db.ask(&mut idle).await) });
        }
        writable
    }

    /// Checks that a connection answers and can write. If it does not any more, the others are replaced with it.
    async fn ask(&self, conn: &mut PoolConnection) -> Result<(), DbError> {
        conn.ask();
        let Ok(read_only) = timeout(ANSWER, session::write(conn)).await else {
            self.replace_if_dead();
            return Err(DbError::Unavailable(
                "a connection that was open does not answer any more".to_owned(),
            ));
        };
        let read_only = read_only?;
        conn.answered();
        if !read_only {
            return Ok(());
        }
        if !conn.is_read_only() {
            self.availability.renew("has become read-only");
        }
        Err(DbError::Unavailable("the database is read-only".to_owned()))
    }

    /// Replaces all connections if a new one answers in time: then the old ones are dead, and the server is not just busy.
    fn replace_if_dead(&self) {
        let (connector, availability) = (self.connector.clone(), Arc::clone(&self.availability));
        tokio::spawn(async move {
            if matches!(timeout(NEW_ANSWER, connector.connect()).await, Ok(Ok(_))) {
                availability.renew("does not answer, and a new one does");
            }
        });
    }

    pub(super) fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(super) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Waits for the party's turn, and then for a connection to be made if none is idle.
    async fn acquire(&self, party: Party) -> Result<Shared, DbError> {
        let unavailable = |what: &dyn Display| DbError::Unavailable(self.availability.reason(what));
        let asked = Instant::now();
        let permit = self.shares.acquire(party, self.acquire_timeout).await.map_err(|full| {
            self.metrics.timed_out();
            unavailable(&WhyFull(party, full))
        })?;
        // With a permit there is always a connection that is idle or being made.
        let conn = self.pool.get_owned().await.map_err(|_unusable| {
            self.metrics.timed_out();
            unavailable(&NO_CONNECTION)
        })?;
        self.metrics.waited(asked);
        Ok(Shared::new(conn, permit))
    }
}
