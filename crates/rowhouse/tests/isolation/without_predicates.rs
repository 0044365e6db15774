//! Services whose queries lose their own tenant predicates on the way to the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use rowhouse_testkit::{PerService, Proxy, ServiceName, TestDatabase, TestOptions, TestSystem};

/// The forms of the predicate: diesel's, ours, and the one for the table of tenants.
const PREDICATES: [&str; 3] = ["\"tenant_id\" = $", "tenant_id = $", "\"tenants\".\"id\" = $"];

/// Replaces each predicate with a true expression that still uses the parameter.
fn without_predicates(sql: &str) -> Option<String> {
    let mut rewritten = String::new();
    let mut rest = sql;
    while let Some((start, length)) =
        PREDICATES.iter().filter_map(|predicate| Some((rest.find(predicate)?, predicate.len()))).min()
    {
        let (before, predicate) = rest.split_at(start);
        // The column is qualified by its table and schema, as diesel writes them.
        let column =
            before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "_.\"".contains(c))).map_or(0, |at| at + 1);
        let parameter = &predicate[length..];
        let digits = parameter.find(|c: char| !c.is_ascii_digit()).unwrap_or(parameter.len());
        rewritten.push_str(&before[..column]);
        rewritten.push_str(&format!("(${}::uuid IS NOT NULL)", &parameter[..digits]));
        rest = &parameter[digits..];
    }
    (!rewritten.is_empty()).then(|| rewritten + rest)
}

#[test]
fn a_predicate_is_cut_out_and_nothing_else() {
    for (sql, without) in [
        (
            r#"SELECT "o"."id" FROM "orders"."orders" WHERE (("orders"."orders"."tenant_id" = $1) AND ("id" = $2))"#,
            Some(
                r#"SELECT "o"."id" FROM "orders"."orders" WHERE ((($1::uuid IS NOT NULL)) AND ("id" = $2))"#,
            ),
        ),
        (
            "UPDATE jobs.jobs SET lease = $3 WHERE tenant_id = $1 AND id = $2",
            Some("UPDATE jobs.jobs SET lease = $3 WHERE ($1::uuid IS NOT NULL) AND id = $2"),
        ),
        (
            r#"SELECT "tenancy"."tenants"."name" FROM "tenancy"."tenants" WHERE ("tenancy"."tenants"."id" = $1) LIMIT $2"#,
            Some(
                r#"SELECT "tenancy"."tenants"."name" FROM "tenancy"."tenants" WHERE (($1::uuid IS NOT NULL)) LIMIT $2"#,
            ),
        ),
        ("SELECT 1", None),
    ] {
        assert_eq!(without_predicates(sql).as_deref(), without);
    }
}

/// The statements on the wire.
#[derive(Clone, Default)]
pub(crate) struct Statements {
    /// Those that lost their predicates.
    pub(crate) cut: Arc<Mutex<BTreeSet<String>>>,
    /// Those that had none.
    pub(crate) whole: Arc<Mutex<BTreeSet<String>>>,
}

impl Statements {
    fn rewrite(&self, sql: &str) -> Option<String> {
        let Some(rewritten) = without_predicates(sql) else {
            self.whole.lock().unwrap().insert(sql.to_owned());
            return None;
        };
        assert!(PREDICATES.iter().all(|predicate| !rewritten.contains(predicate)), "{rewritten}");
        self.cut.lock().unwrap().insert(rewritten.clone());
        Some(rewritten)
    }
}

/// Returns the words of a statement, without quotes and parentheses, separated by single spaces.
fn plain(sql: &str) -> String {
    sql.replace('"', "").replace(['(', ')', ','], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the accesses of a statement to tables, such as `UPDATE orders.orders`. Tables that are only read count as
/// SELECT.
pub(crate) fn uses<'a>(sql: &'a str, tables: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let sql = format!("{} ", plain(sql));
    tables.iter().filter_map(move |table| {
        let verb = if sql.contains(&format!("UPDATE {table} ")) {
            "UPDATE"
        } else if sql.contains(&format!("DELETE FROM {table} ")) {
            "DELETE"
        } else if sql.contains(&format!("FROM {table} ")) || sql.contains(&format!("JOIN {table} ")) {
            "SELECT"
        } else {
            return None;
        };
        Some(format!("{verb} {table}"))
    })
}

pub(crate) struct World {
    pub(crate) system: TestSystem,
    pub(crate) statements: Statements,
    /// The proxies between each service and the database.
    pub(crate) _proxies: BTreeMap<ServiceName, Proxy>,
}

impl World {
    /// Starts services that reach the database through a proxy that removes the predicates, each on a single
    /// connection.
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let statements = Statements::default();
        let mut proxies = BTreeMap::new();
        for service in ServiceName::ALL {
            let proxy = Proxy::start(&database.url(*service)).await;
            let statements = statements.clone();
            proxy.rewrite(move |sql| statements.rewrite(sql));
            proxies.insert(*service, proxy);
        }
        let options = TestOptions {
            pool_size: 1,
            database_urls: PerService::from_fn(|service| Some(proxies[&service].url())),
            ..TestOptions::default()
        };
        let system = TestSystem::start_on(database, options).await;
        Self { system, statements, _proxies: proxies }
    }
}
