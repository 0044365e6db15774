//! Stopping and killing the service while it writes an export.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::Instant;

use crate::exports_support::PATIENCE;
use crate::world::World;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Waits until `SELECT count(*) AS count …` returns the expected number.
pub(crate) async fn until_count(conn: &mut AsyncPgConnection, query: &str, wanted: i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let count = diesel::sql_query(query).get_result::<Counted>(conn).await.unwrap().count;
        if count == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{count}: {query}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Blocks a worker before it writes a chunk of an export's file.
pub(crate) struct Gate {
    holder: AsyncPgConnection,
}

impl Gate {
    /// Blocks before the chunks at these positions.
    pub(crate) async fn before(world: &World, positions: &[i32]) -> Self {
        let mut holder = world.database.admin().await;
        let statements = "
            CREATE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
            BEGIN
                PERFORM pg_catalog.pg_advisory_xact_lock(7, NEW.position);
                RETURN NEW;
            END
            $$;
            CREATE TRIGGER gate BEFORE INSERT ON orders.export_chunks FOR EACH ROW EXECUTE FUNCTION public.gate();";
        holder.batch_execute(statements).await.unwrap();
        for position in positions {
            holder.batch_execute(&format!("SELECT pg_advisory_lock(7, {position})")).await.unwrap();
        }
        Self { holder }
    }

    /// Waits until a worker is blocked at the position.
    pub(crate) async fn reached(&mut self, position: i32) {
        self.until_waiting(position, 1).await;
    }

    /// Waits until none is.
    pub(crate) async fn left(&mut self, position: i32) {
        self.until_waiting(position, 0).await;
    }

    async fn until_waiting(&mut self, position: i32, count: i64) {
        let waiting = format!(
            "SELECT count(*) AS count FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.classid = 7
                 AND l.objid = {position} AND NOT l.granted"
        );
        until_count(&mut self.holder, &waiting, count).await;
    }

    pub(crate) async fn open(&mut self, position: i32) {
        self.holder.batch_execute(&format!("SELECT pg_advisory_unlock(7, {position})")).await.unwrap();
    }
}
