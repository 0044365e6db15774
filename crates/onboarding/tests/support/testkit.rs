#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
#[derive(Clone, Copy, Debug)]
pub enum Role {
    Auth,
    Onboarding,
    Orders,
}
pub struct TestDatabase {
    name: String,
}
fn url(role: &str, db: &str) -> String {
    format!("postgres://{role}@127.0.0.1:5998/{db}")
}
impl TestDatabase {
    pub async fn create() -> Self {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        let mut c = AsyncPgConnection::establish(&url("postgres", "postgres")).await.unwrap();
        for s in [
            format!("CREATE DATABASE {name} TEMPLATE template_rh OWNER rowhouse_owner"),
            format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
            format!(
                "GRANT CONNECT ON DATABASE {name} TO rowhouse_auth, rowhouse_onboarding, rowhouse_orders"
            ),
        ] {
            c.batch_execute(&s).await.unwrap();
        }
        Self { name }
    }
    pub fn url(&self, role: Role) -> String {
        url(
            match role {
                Role::Auth => "rowhouse_auth",
                Role::Onboarding => "rowhouse_onboarding",
                Role::Orders => "rowhouse_orders",
            },
            &self.name,
        )
    }
    pub async fn admin(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&url("postgres", &self.name)).await.unwrap()
    }
}
