//! Services and incompatible schemas.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::config::{DatabaseArgs, Environment};
use rowhouse_chassis::database::{self, DatabaseError, REQUIRED_SCHEMA};
use rowhouse_testkit::{ServiceName, TestDatabase, TestOptions, TestSystem};

const TOO_OLD: &str = "DELETE FROM public.__diesel_schema_migrations WHERE version >= ";

/// Returns each service's error at its start, if it refuses.
async fn refusals(database: &TestDatabase) -> Vec<DatabaseError> {
    let mut refusals = Vec::new();
    for service in ServiceName::ALL {
        let args = DatabaseArgs { pool_size: 1, ..DatabaseArgs::new(database.url(*service)) };
        if let Err(error) = database::open(&args, Environment::Dev, *service).await {
            refusals.push(error);
        }
    }
    refusals
}

/// Returns a database that no service refuses until the statement changes it, and the errors after that.
async fn changed(statement: &str) -> (TestDatabase, Vec<String>) {
    let database = TestDatabase::create().await;
    let before = refusals(&database).await;
    assert!(before.is_empty(), "{before:?}");
    database.admin().await.batch_execute(statement).await.unwrap();
    let refused = refusals(&database).await.iter().map(ToString::to_string).collect();
    (database, refused)
}

async fn refused_after(statement: &str) -> Vec<String> {
    changed(statement).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_too_old_is_refused() {
    let (database, refused) = changed(&format!("{TOO_OLD} '{REQUIRED_SCHEMA}'")).await;
    let left = database.value("SELECT max(version) FROM public.__diesel_schema_migrations").await;
    let expected = format!(
        "the schema is too old (its version is {left}, and this program needs {REQUIRED_SCHEMA}): run `rowhouse migrate`"
    );
    assert_eq!(refused, [expected.as_str(); 3]);
    // From before schemas had versions, and without a schema.
    for statement in ["DROP FUNCTION tenancy.schema_version()", "DROP SCHEMA tenancy CASCADE"] {
        let refused = refused_after(statement).await;
        assert_eq!(refused.len(), 3, "{statement}");
        for sentence in refused {
            assert!(sentence.starts_with("the schema is too old (it has no version, "), "{sentence}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_too_new_is_refused() {
    let raise = "UPDATE tenancy.schema_compatibility SET oldest_supported = '29990101000000'";
    let refused = refused_after(raise).await;
    let expected = format!(
        "this program is too old for the schema (it was built for version {REQUIRED_SCHEMA}): \
         deploy one that was built for version 29990101000000 or newer"
    );
    assert_eq!(refused, [expected.as_str(); 3]);
}

/// During a roll-out, programs of the release before may have to be restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_serves_until_it_says_otherwise() {
    let newer = format!(
        "INSERT INTO public.__diesel_schema_migrations (version) VALUES ('29990101000000');
         UPDATE tenancy.schema_compatibility SET oldest_supported = '{REQUIRED_SCHEMA}'"
    );
    assert_eq!(refused_after(&newer).await, [""; 0]);
}

/// Each service with the login of each other one, and with the administrator's.
#[tokio::test(flavor = "multi_thread")]
async fn another_roles_login_is_refused() {
    let database = TestDatabase::create().await;
    let logins = ServiceName::ALL.iter().map(|service| (service.role(), database.url(*service)));
    let logins = logins.chain([("postgres", database.admin_url())]);
    for (found, url) in logins {
        for service in ServiceName::ALL.iter().filter(|service| service.role() != found) {
            let expected = service.role();
            let args = DatabaseArgs { pool_size: 1, ..DatabaseArgs::new(url.clone()) };
            let refused = database::open(&args, Environment::Dev, *service).await.map(drop).unwrap_err();
            let sentence = format!(
                "DATABASE_URL logs in as {found}, and this service works as {expected}: set DATABASE_URL \
                 (--database-url) to a URL with the login of {expected}"
            );
            assert_eq!(refused.to_string(), sentence);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_from_it() {
    let database = TestDatabase::create().await;
    let forget = format!("{TOO_OLD} '{REQUIRED_SCHEMA}'");
    database.admin().await.batch_execute(&forget).await.unwrap();
    let started = tokio::spawn(async {
        Box::pin(TestSystem::start_on(database, TestOptions::default())).await.shutdown().await;
    });
    let panic = started.await.unwrap_err().into_panic();
    let sentence = panic.downcast_ref::<String>().unwrap();
    assert!(sentence.starts_with("auth does not start: the schema is too old ("), "{sentence}");
}
