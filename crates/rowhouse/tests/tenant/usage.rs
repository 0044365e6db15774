//! The list of what the tenants used.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::{json, refusal, stderr, stdout, tenant};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const GLOBEX: &str = "00000000-0000-7000-8000-000000000002";

/// Two tenants with use in February 2020, one of which also has some of late, and one without.
async fn used() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES
             ('{ACME}', 'acme', 'Acme', 'active'), ('{GLOBEX}', 'globex', 'Globex', 'suspended'),
             ('00000000-0000-7000-8000-000000000003', 'initech', 'Initech', 'active');
         INSERT INTO tenancy.usage (tenant_id, id, day, service, transactions, round_trips, rows, milliseconds) VALUES
             ('{ACME}', 'a', '2020-01-31', 'orders', 1000, 1000, 1000, 1000),
             ('{ACME}', 'b', '2020-02-01', 'orders', 1, 2, 3, 4),
             ('{ACME}', 'c', '2020-02-29', 'orders', 10, 20, 30, 40),
             ('{ACME}', 'd', '2020-02-29', 'auth', 100, 200, 300, 400),
             ('{ACME}', 'e', '2020-03-01', 'auth', 1000, 1000, 1000, 1000),
             ('{GLOBEX}', 'a', '2020-02-15', 'orders', 5, 6, 7, 500),
             ('{GLOBEX}', 'b', (now() AT TIME ZONE 'UTC')::date - 28, 'auth', 1, 2, 3, 9),
             ('{GLOBEX}', 'c', (now() AT TIME ZONE 'UTC')::date - 31, 'auth', 1, 1, 1, 9000)"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

async fn in_february(database: &TestDatabase, more: &[&str]) -> Value {
    let days = ["tenant", "usage", "--from", "2020-02-01", "--to", "2020-02-29"];
    json(database, &[&days, more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_by_what_they_used_in_a_span_of_days() {
    let database = used().await;
    let row = |id, slug, name, [transactions, round_trips, rows, milliseconds]: [i64; 4]| {
        json!({
            "id": id, "slug": slug, "name": name, "transactions": transactions, "round_trips": round_trips,
            "rows": rows, "milliseconds": milliseconds,
        })
    };
    let globex = row(GLOBEX, "globex", "Globex", [5, 6, 7, 500]);
    let acme = row(ACME, "acme", "Acme", [111, 222, 333, 444]);
    assert_eq!(in_february(&database, &[]).await, json!({ "items": [globex, acme], "total": 2 }));
    assert_eq!(in_february(&database, &["--search", "ACM"]).await, json!({ "items": [acme], "total": 1 }));
    let of_orders = in_february(&database, &["--service", "orders", "--search", "acme"]).await;
    assert_eq!(of_orders["items"], json!([row(ACME, "acme", "Acme", [11, 22, 33, 44])]));
    assert_eq!(in_february(&database, &["--limit", "1"]).await, json!({ "items": [globex], "total": 2 }));

    let of_late = tenant(&database, &["usage"]).await;
    assert_eq!(
        stdout(&of_late),
        format!(
            "ID                                    SLUG    TRANSACTIONS  ROUND TRIPS  ROWS  MILLISECONDS  NAME\n\
             {GLOBEX}  globex  1             2            3     9             Globex\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_cannot_be_are_refused() {
    let database = TestDatabase::create().await;
    let turned = tenant(&database, &["usage", "--from", "2020-02-02", "--to", "2020-02-01"]).await;
    assert_eq!(refusal(&turned), "--from 2020-02-02 is after --to 2020-02-01");
    for arguments in [["--from", "2020-02-30"], ["--to", "yesterday"], ["--service", "gateway"]] {
        let refused = tenant(&database, &[&["usage"], &arguments[..]].concat()).await;
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
    }
}
