//! Reasons for which the service does not start.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::config::Environment;
use rowhouse_chassis::database::DatabaseError;
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::service::App;
use rowhouse_chassis::signing::SigningKeyError;
use rowhouse_testkit::TestDatabase;
use rowhouse_tokens::{SigningKey, TokenIssuer, issuer};

use crate::support::{Keys, config};

#[tokio::test(flavor = "multi_thread")]
async fn all_violations_are_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let violations = "ALTER TABLE auth.memberships NO FORCE ROW LEVEL SECURITY;
                 CREATE TABLE auth.notes (id uuid PRIMARY KEY);";
    database.admin().await.batch_execute(violations).await.unwrap();
    let error = App::build(config(&database, &keys)).await.err().unwrap();
    assert!(matches!(error, StartError::Database(DatabaseError::Violations(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains("auth.memberships") && text.contains("auth.notes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_trusts_is_not_used() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    keys.publish(issuer::AUTH, &TokenIssuer::new(issuer::AUTH, SigningKey::generate().unwrap()));
    let error = App::build(config(&database, &keys)).await.err().unwrap();
    assert!(error.to_string().contains("rowhouse-auth.jwks.json"), "{error}");
    let StartError::Own(error) = error else { panic!("{error}") };
    assert!(matches!(error.downcast_ref(), Some(SigningKeyError::Untrusted { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_addresses_that_do_not_work_are_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let mut missing = config(&database, &keys);
    missing.args.signing.signing_keys = "/nonexistent/auth".into();
    let error = App::build(missing).await.err().unwrap().to_string();
    assert!(error.contains("/nonexistent/auth/current.pem"), "{error}");

    let mut cheap = config(&database, &keys);
    cheap.environment = Environment::Production;
    let error = App::build(cheap).await.err().unwrap().to_string();
    assert!(error.starts_with("a bcrypt cost of 4 is too low for production"), "{error}");

    let mut insecure = config(&database, &keys);
    insecure.environment = Environment::Production;
    insecure.args.bcrypt_cost = 10;
    let error = App::build(insecure).await.err().unwrap().to_string();
    assert_eq!(error, "http://127.0.0.1:8080 is no issuer for production: use an https URL");

    let app = App::build(config(&database, &keys)).await.unwrap();
    let mut twice = config(&database, &keys);
    twice.grpc.listen = app.address();
    let error = App::build(twice).await.err().unwrap().to_string();
    assert!(error.contains("is in use"), "{error}");

    let mut nowhere = config(&database, &keys);
    nowhere.database.url = "postgres://rowhouse_auth:hunter2@127.0.0.1:1/rowhouse".to_owned();
    let error = App::build(nowhere).await.err().unwrap().to_string();
    assert!(error.contains("database") && !error.contains("hunter2"), "{error}");
}
