//! The pool that only hands out transactions.

use std::sync::Arc;

use bb8::RunError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, PoolableConnection, RecyclingMethod,
};
use futures_util::FutureExt;
use rowhouse_tokens::Session;
use tracing::Instrument;

use super::connect::Connector;
use super::{
    ConnectError, DatabaseConfig, DbError, Global, GlobalTx, SchemaVersion, Scope, Tenant, TenantTx,
    TransactionBody, Tx, schema,
};
use crate::{TenantContext, audit};

/// A service's connections. Cloning shares them.
#[derive(Clone)]
pub struct TenantDb {
    pool: Pool<AsyncPgConnection>,
    connector: Connector,
}

impl TenantDb {
    /// Makes the pool. A server that cannot be reached, and a pooler that cannot be used, are errors now and
    /// not with the first request.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, ConnectError> {
        let connector = Connector::new(config)?;
        connector.check_pooler().await?;
        let mut manager = ManagerConfig::default();
        // No `SELECT 1` before each use: that would be a third round trip. Whether the socket is closed is
        // known without asking.
        manager.recycling_method = RecyclingMethod::CustomFunction(Box::new(
            |conn: &mut AsyncPgConnection| {
                let broken = conn.is_broken();
                async move { if broken { Err(diesel::result::Error::BrokenTransactionManager) } else { Ok(()) } }.boxed()
            },
        ));
        let connections = Arc::new(connector.clone());
        manager.custom_setup = Box::new(move |_| {
            let connections = Arc::clone(&connections);
            async move { connections.connect().await }.boxed()
        });
        let pool = Pool::builder()
            .max_size(config.pool_size.max(1))
            .connection_timeout(config.acquire_timeout)
            .test_on_check_out(true)
            .build(AsyncDieselConnectionManager::new_with_config("", manager))
            .await
            .map_err(|error| ConnectError::Refused(error.to_string()))?;
        Ok(Self { pool, connector })
    }

    /// Runs `body` in a transaction that sees the context's tenant and nothing of any other.
    ///
    /// Committed when the body returns `Ok`, undone when it returns `Err`. `operation`, such as
    /// `orders.create`, names the span. The first statement travels with the opening, so a body of one
    /// statement takes two round trips; every further statement takes one. Dropping the future cancels what
    /// runs on the server and throws the connection away.
    ///
    /// The body must not wait for anything but its statements: it holds a connection.
    pub async fn tx<T, E, F>(&self, cx: &TenantContext, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let tenant = cx.tenant();
        let span = tracing::info_span!("transaction", otel.name = operation, tenant_id = %tenant);
        // UUIDs and a number, so nothing in them can end a literal.
        let opening = match cx.session() {
            Some(Session { id, issued_at }) => {
                format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}', '{id}', {issued_at})")
            }
            None => format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')"),
        };
        self.run(Tenant(tenant), opening, body).instrument(span).await
    }

    /// The same for a tenant that is not there yet: the body brings it into being, with whatever belongs to it, or nothing
    /// of it is committed. One that is there is refused. Only the onboarding service's role may do it.
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
        let tenant = cx.tenant();
        let span = tracing::info_span!("transaction", otel.name = operation, tenant_id = %tenant);
        let opening = format!("BEGIN; SELECT tenancy.enter_new_tenant('{tenant}')");
        self.run(Tenant(tenant), opening, body).instrument(span).await
    }

    /// Runs `body` in a transaction that is in no tenant: for the global tables, such as identities, and for
    /// the functions that look across tenants. Row-level security shows it no tenant's row.
    pub async fn global_tx<T, E, F>(&self, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut GlobalTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let span = tracing::info_span!("transaction", otel.name = operation);
        self.run(Global, "BEGIN".to_owned(), body).instrument(span).await
    }

    async fn run<S, T, E, F>(&self, scope: S, opening: String, body: F) -> Result<T, E>
    where
        S: Scope,
        F: for<'tx> TransactionBody<&'tx mut Tx<S>, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let conn = self.acquire().await?;
        let mut tx = Tx::new(conn, self.connector.clone(), scope, opening);
        match body(&mut tx).await {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// What the catalogue shows of broken walls, seen by this service's own role. Empty when all is well.
    pub async fn audit(&self, scope: &audit::Scope) -> Result<Vec<audit::Violation>, DbError> {
        let mut conn = self.acquire().await?;
        Ok(audit::run(&mut *conn, scope).await?)
    }

    /// The role that statements run as.
    pub async fn role(&self) -> Result<String, DbError> {
        use diesel::dsl::sql;
        use diesel_async::RunQueryDsl;
        let mut conn = self.acquire().await?;
        let role = sql::<diesel::sql_types::Text>("SELECT current_user::text");
        Ok(role.get_result(&mut *conn).await?)
    }

    /// The server's version as a number, such as 150018 for 15.18.
    pub async fn server_version(&self) -> Result<i32, DbError> {
        use diesel::dsl::sql;
        use diesel_async::RunQueryDsl;
        let mut conn = self.acquire().await?;
        let version = sql::<diesel::sql_types::Integer>("SELECT current_setting('server_version_num')::int");
        Ok(version.get_result(&mut *conn).await?)
    }

    /// How far the schema is; none when it is too old to say so.
    pub async fn schema_version(&self) -> Result<Option<SchemaVersion>, DbError> {
        let mut conn = self.acquire().await?;
        schema::version(&mut conn).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        use diesel_async::SimpleAsyncConnection;
        let mut conn = self.acquire().await?;
        Ok(conn.batch_execute("SELECT 1").await?)
    }

    pub(super) const fn connector(&self) -> &Connector {
        &self.connector
    }

    async fn acquire(&self) -> Result<PooledConnection<'static, AsyncPgConnection>, DbError> {
        self.pool.get_owned().await.map_err(|error| {
            DbError::Unavailable(match error {
                RunError::TimedOut => "no connection became free in time".to_owned(),
                RunError::User(PoolError::ConnectionError(error)) => error.to_string(),
                RunError::User(PoolError::QueryError(error)) => error.to_string(),
            })
        })
    }
}
