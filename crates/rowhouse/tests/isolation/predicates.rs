//! The policies alone, with every query's own tenant predicate cut out on the wire.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rowhouse_testkit::{Proxy, Role, TestDatabase, TestOptions, TestSystem};
use tonic::Code;

use crate::orders::Orders;

/// Replaces each `"tenant_id" = $n` with something that is true and still uses the parameter.
fn without_predicates(sql: &str) -> Option<String> {
    const PREDICATE: &str = "\"tenant_id\" = $";
    let mut rewritten = String::new();
    let mut rest = sql;
    while let Some(start) = rest.find(PREDICATE) {
        let (before, predicate) = rest.split_at(start);
        // The column's table and schema, as diesel writes them, stand before it.
        let column =
            before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "_.\"".contains(c))).map_or(0, |at| at + 1);
        let parameter = &predicate[PREDICATE.len()..];
        let digits = parameter.find(|c: char| !c.is_ascii_digit()).unwrap_or(parameter.len());
        rewritten.push_str(&before[..column]);
        rewritten.push_str(&format!("(${}::uuid IS NOT NULL)", &parameter[..digits]));
        rest = &parameter[digits..];
    }
    (!rewritten.is_empty()).then(|| rewritten + rest)
}

#[test]
fn a_predicate_is_cut_out_and_nothing_else() {
    assert_eq!(
        without_predicates(
            r#"SELECT "o"."id" FROM "orders"."orders" WHERE (("orders"."orders"."tenant_id" = $1) AND ("id" = $2))"#
        )
        .as_deref(),
        Some(r#"SELECT "o"."id" FROM "orders"."orders" WHERE ((($1::uuid IS NOT NULL)) AND ("id" = $2))"#)
    );
    assert_eq!(without_predicates("SELECT 1"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policies_hold_without_the_predicates() {
    let database = TestDatabase::create().await;
    let mut proxies = Vec::new();
    let cut = Arc::new(Mutex::new(BTreeSet::new()));
    for role in [Role::Auth, Role::Orders] {
        let proxy = Proxy::start(&database.url(role)).await;
        let cut = Arc::clone(&cut);
        proxy.rewrite(move |sql| {
            let rewritten = without_predicates(sql)?;
            assert!(!rewritten.contains("\"tenant_id\" = $"), "{rewritten}");
            cut.lock().unwrap().insert(rewritten.clone());
            Some(rewritten)
        });
        proxies.push(proxy);
    }
    let options = TestOptions {
        pool_size: 1,
        auth_database_url: Some(proxies[0].url()),
        orders_database_url: Some(proxies[1].url()),
        ..TestOptions::default()
    };
    let system = TestSystem::start_on(database, options).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Orders::of(&system, &acme).await, Orders::of(&system, &globex).await);
    let (of_acme, of_globex) =
        (as_acme.create("Alice").await.unwrap(), as_globex.create("Gina").await.unwrap());

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        assert_eq!(&caller.get(&own.id).await.unwrap(), own);
        assert_eq!(caller.list().await.unwrap(), [own.clone()]);
        assert_eq!(caller.list_placed().await.unwrap(), [own.clone()]);
        assert_eq!(caller.get(&foreign.id).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(caller.pay(&foreign.id).await.unwrap_err().code(), Code::NotFound);
    }
    let paid = as_acme.pay(&of_acme.id).await.unwrap();
    assert_eq!((paid.id, paid.customer.as_str()), (of_acme.id, "Alice"));
    assert_eq!(as_globex.get(&of_globex.id).await.unwrap(), of_globex);

    for tenant in [&acme, &globex] {
        let me = system.http().get(format!("{}/v1/me", system.gateway_url())).bearer_auth(&tenant.token);
        let me: serde_json::Value = me.send().await.unwrap().json().await.unwrap();
        assert_eq!(me["tenant"]["id"], tenant.id.as_str());
    }
    // Every kind of statement on every table went through here without its predicate.
    let cut = cut.lock().unwrap().clone();
    for statement in [
        r#"FROM "orders"."orders" WHERE"#,
        r#"FROM "orders"."order_lines" WHERE"#,
        r#"UPDATE "orders"."orders" SET"#,
        r#""auth"."memberships""#,
    ] {
        assert!(cut.iter().any(|sql| sql.contains(statement)), "{statement} is not among {cut:#?}");
    }
    system.shutdown().await;
}
