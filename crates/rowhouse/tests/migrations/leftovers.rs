//! Work that a migration leaves to a later one.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use rowhouse_testkit::TestDatabase;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

async fn names(sql: &str) -> Vec<String> {
    let database = TestDatabase::create().await;
    let names: Vec<Name> = diesel::sql_query(sql).load(&mut database.admin().await).await.unwrap();
    names.into_iter().map(|found| found.name).collect()
}

/// A constraint that is added `NOT VALID` applies to new rows; another migration validates the old ones.
#[tokio::test(flavor = "multi_thread")]
async fn every_constraint_is_validated() {
    let found = names(
        "SELECT format('%s: %s', conrelid::regclass, conname) AS name FROM pg_constraint
         WHERE NOT convalidated ORDER BY 1",
    )
    .await;
    assert_eq!(found, [""; 0], "a later migration has to say VALIDATE CONSTRAINT");
}

/// An index that begins with all columns of another one, with the same rows, makes the shorter one redundant.
#[tokio::test(flavor = "multi_thread")]
async fn no_index_is_the_beginning_of_another() {
    let found = names(
        "SELECT format('%s of %s', short.indexrelid::regclass, long.indexrelid::regclass) AS name
         FROM pg_index short
         JOIN pg_index long ON long.indrelid = short.indrelid AND long.indexrelid <> short.indexrelid
         JOIN pg_class c ON c.oid = short.indrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('tenancy', 'auth', 'onboarding', 'orders', 'jobs')
             -- A unique one is a rule as well.
             AND NOT short.indisunique AND short.indexprs IS NULL AND long.indexprs IS NULL
             AND pg_get_expr(short.indpred, short.indrelid) IS NOT DISTINCT FROM pg_get_expr(long.indpred, long.indrelid)
             AND (short.indkey::int2[])[0:short.indnkeyatts - 1] = (long.indkey::int2[])[0:short.indnkeyatts - 1]
             AND (short.indclass::oid[])[0:short.indnkeyatts - 1] = (long.indclass::oid[])[0:short.indnkeyatts - 1]
             AND (short.indoption::int2[])[0:short.indnkeyatts - 1] = (long.indoption::int2[])[0:short.indnkeyatts - 1]
         ORDER BY 1",
    )
    .await;
    assert_eq!(found, [""; 0], "DROP INDEX CONCURRENTLY IF EXISTS is a migration of its own");
}
