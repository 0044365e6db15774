//! Suspending and resuming, under load and with open transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase, TestServer, TestSystem};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;

use crate::credentials::Credentials;
use crate::presets::{ACME, ROWS, person};
use crate::{refusal, run, stdout, tenant};

/// Lists a tenant's orders continuously, and records when each list was requested and its status.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<(Instant, u16)>>>,
}

impl Load {
    fn on(credentials: &Arc<Credentials>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..2).map(|_| {
            let (credentials, stop) = (Arc::clone(credentials), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !AtomicBool::load(&stop, Ordering::Relaxed) {
                    let asked = Instant::now();
                    answers.push((asked, credentials.list().await));
                }
                answers
            })
        });
        Self { tasks: tasks.collect(), stop }
    }

    async fn end(self) -> Vec<(Instant, u16)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

/// Opens a service's transaction in a tenant.
async fn enter(database: &TestDatabase, tenant: &str) -> AsyncPgConnection {
    let mut conn = database.connect_as(ServiceName::Orders).await;
    let enter = format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')");
    conn.batch_execute(&enter).await.unwrap();
    conn
}

async fn count_orders(conn: &mut AsyncPgConnection) -> Result<i64, diesel::result::Error> {
    sql::<BigInt>("SELECT count(*) FROM orders.orders").get_result(conn).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_access_stops_at_the_database_and_comes_back() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (acmes, globexs) = (Credentials::of(&system, &acme).await, Credentials::of(&system, &globex).await);
    let (acmes, globexs) = (Arc::new(acmes), Arc::new(globexs));
    let loads = (Load::on(&acmes), Load::on(&globexs));
    let database = system.database();

    // An idle one, one in the middle of a statement, and one of another tenant.
    let mut idle = enter(database, &acme.id).await;
    assert_eq!(count_orders(&mut idle).await.unwrap(), 1);
    let mut busy = enter(database, &acme.id).await;
    busy.batch_execute("SET LOCAL statement_timeout = 0").await.unwrap();
    let busy = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(600)").await });
    let mut others = enter(database, &globex.id).await;

    let begun = Instant::now();
    let suspended = tenant(database, &["suspend", &acme.slug, "--reason", "unpaid"]).await;
    let closed = Instant::now();
    let expected = format!("suspended {}\nended transactions that had begun before: 2\n", acme.slug);
    assert_eq!(stdout(&suspended), expected);
    assert!(count_orders(&mut idle).await.is_err(), "its connection is gone");
    assert!(busy.await.unwrap().is_err(), "and so is this one's");
    assert!(closed.elapsed() < Duration::from_secs(1), "{:?}", closed.elapsed());
    assert_eq!(count_orders(&mut others).await.unwrap(), 1);
    // Both loads continue for a while.
    for _ in 0..5 {
        assert_eq!((acmes.list().await, globexs.list().await), (403, 200));
    }
    let (of_acme, of_globex) = (loads.0.end().await, loads.1.end().await);
    assert!(of_acme.iter().any(|(asked, status)| *asked < begun && *status == 200));
    let late: Vec<_> = of_acme.iter().filter(|(asked, _)| *asked >= closed).collect();
    assert!(!late.is_empty() && late.iter().all(|(_, status)| *status == 403), "{late:?}");
    assert!(of_globex.iter().all(|(_, status)| *status == 200), "another tenant is not touched");
    assert!(of_globex.iter().any(|(asked, _)| *asked >= closed));

    let (mut acmes, mut globexs) = (Arc::into_inner(acmes).unwrap(), Arc::into_inner(globexs).unwrap());
    acmes.assert(false).await;
    globexs.assert(true).await;

    let resumed = tenant(database, &["resume", &acme.id, "--reason", " paid "]).await;
    assert_eq!(stdout(&resumed), format!("resumed {}\n", acme.slug));
    acmes.assert(true).await;
    for (action, reason) in [("tenant.suspend", "unpaid"), ("tenant.resume", "paid")] {
        let entries = acmes.log(action).await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["details"], json!({ "reason": reason }));
        assert_eq!(entries[0]["actor"], json!({ "type": "system" }));
        assert_eq!(entries[0]["target"], json!({ "type": "tenant", "id": acme.id }));
        assert_eq!(entries[0]["outcome"], "success");
        assert!(globexs.log(action).await.is_empty());
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_are_about_to_end_complete() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let database = system.database();
    let mut conn = enter(database, &acme.id).await;
    let mut observer = database.admin().await;
    let rename = "UPDATE orders.number_series SET last_number = last_number";
    conn.batch_execute(rename).await.unwrap();
    let suspend = ["suspend", &acme.slug, "--reason", "unpaid"];
    let (suspended, ()) = tokio::join!(tenant(database, &suspend), async {
        // As soon as nobody can enter any more.
        let query = "SELECT count(*) FROM tenancy.tenants WHERE status = 'suspended'";
        while sql::<BigInt>(query).get_result::<i64>(&mut observer).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        conn.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(stdout(&suspended), format!("suspended {}\n", acme.slug), "none had to be ended");
    system.shutdown().await;
}

/// It has a server of its own, since the role is one of the whole server, and an audit finds it.
#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_reported() {
    let server = TestServer::start().await;
    let admin_url = server.admin_url();
    let admin = person(&admin_url).await;
    admin.batch_execute(ROWS).await.unwrap();
    let make = "CREATE ROLE operator LOGIN PASSWORD 'secret'; GRANT rowhouse_owner TO operator";
    admin.batch_execute(make).await.unwrap();
    let (_, host) = admin_url.split_once('@').unwrap();
    let url = format!("postgres://operator:secret@{host}");

    let idle = person(&server.url(ServiceName::Orders)).await;
    idle.batch_execute(&format!("BEGIN; SELECT tenancy.set_tenant_context('{ACME}')")).await.unwrap();
    let suspend = ["suspend", "acme", "--reason", "unpaid"];
    let refused = refusal(&run(&url, &suspend).await);
    for part in ["acme", "a transaction that had begun before", "pg_signal_backend"] {
        assert!(refused.contains(part), "{refused}");
    }
    // It is suspended all the same, and another administrator ends the rest.
    let count = "SELECT count(*) FROM orders.orders";
    idle.batch_execute(count).await.unwrap();
    assert_eq!(refusal(&run(&admin_url, &suspend).await), "acme is suspended already");
    let ended = idle.batch_execute(count).await.unwrap_err();
    assert!(ended.is_closed() || ended.code() == Some(&SqlState::ADMIN_SHUTDOWN), "{ended}");
}
