//! `rowhouse keys re-encrypt` where each service has a file of its own.

use std::fmt::Write;
use std::path::Path;
use std::process::Output;

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::encryption::key_ids;
use rowhouse_testkit::TestDatabase;
use serde_json::Value;

use crate::{rowhouse, stderr};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const ADA: &str = "00000000-0000-7000-8000-0000000000aa";

fn key(letter: &str) -> String {
    // The last of 32 bytes leaves two bits of the last letter, which are zero.
    format!("{}A=\n", letter.repeat(42))
}

/// Returns a ciphertext's beginning, the id of the key, as SQL.
fn begins(key: &str) -> String {
    let ids = key_ids(key).unwrap();
    ids[0].iter().fold(String::from("\\x"), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

async fn reencrypt(database: &TestDatabase, file: &Path, more: &[&str]) -> (Output, Vec<String>) {
    let command = ["keys", "re-encrypt", "--output", "json", "--encryption-keys", file.to_str().unwrap()];
    let output = rowhouse(&database.admin_url(), &[&command, more].concat()).await;
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let items = document["items"].as_array().unwrap();
    let seen = items
        .iter()
        .map(|item| format!("{} {}", item["service"].as_str().unwrap(), item["state"].as_str().unwrap()));
    let seen = seen.collect();
    (output, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_another_file_is_left_out_unless_it_is_named() {
    let database = TestDatabase::create().await;
    let (of_auth, of_orders) = (key("A"), key("B"));
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{ACME}', 'acme', 'Acme', 'active');
         INSERT INTO auth.identities (id, email) VALUES ('{ADA}', 'ada@example.com');
         INSERT INTO auth.totp (user_id, sealed_secret) VALUES ('{ADA}', '{}00');
         INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret)
         VALUES ('{ACME}', gen_random_uuid(), 'https://hooks.example.com', '{{order.created}}', '{}00')",
        begins(&of_auth),
        begins(&of_orders)
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("encryption.keys");

    std::fs::write(&file, &of_auth).unwrap();
    let (done, seen) = reencrypt(&database, &file, &[]).await;
    assert_eq!((done.status.code(), seen), (Some(0), vec!["auth current".to_owned()]), "{}", stderr(&done));
    assert!(stderr(&done).contains("orders is left out"), "{}", stderr(&done));
    let (named, seen) = reencrypt(&database, &file, &["--dry-run", "--service", "orders"]).await;
    assert_eq!(
        (named.status.code(), seen),
        (Some(1), vec!["orders unknown".to_owned()]),
        "{}",
        stderr(&named)
    );

    std::fs::write(&file, key("C") + &of_auth + &of_orders).unwrap();
    let (both, seen) = reencrypt(&database, &file, &["--dry-run"]).await;
    let old = vec!["auth old".to_owned(), "orders old".to_owned()];
    assert_eq!((both.status.code(), seen), (Some(1), old), "{}", stderr(&both));

    std::fs::write(&file, key("C")).unwrap();
    let (wrong, seen) = reencrypt(&database, &file, &["--dry-run"]).await;
    let unknown = vec!["auth unknown".to_owned(), "orders unknown".to_owned()];
    assert_eq!((wrong.status.code(), seen), (Some(1), unknown), "{}", stderr(&wrong));
}
