//! More tasks than connections in the pool, which would reveal a context that outlives its transaction.

use rowhouse_testkit::{TestOptions, TestSystem};
use tonic::Code;

use crate::orders::Orders;

const TENANTS: usize = 8;
const TASKS: usize = 64;
/// All four operations as each tenant.
const STEPS: usize = 4 * TENANTS;

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_alternating_between_tenants_never_see_a_foreign_row() {
    let system = TestSystem::start_with(TestOptions { pool_size: 4, ..TestOptions::default() }).await;
    let mut callers = Vec::new();
    for index in 0..TENANTS {
        let tenant = system.onboard(&format!("Tenant {index}")).await;
        let orders = Orders::of(&system, &tenant).await;
        // The customer's name marks the owner of the row.
        let order = orders.create(&tenant.slug).await.unwrap();
        callers.push((orders, tenant.slug, order.id));
    }

    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let callers = callers.clone();
            tokio::spawn(async move {
                for step in task..task + STEPS {
                    // All four operations as one tenant, then as the next.
                    let (orders, slug, own) = &callers[(step / 4) % TENANTS];
                    let foreign = &callers[(step / 4 + 1) % TENANTS].2;
                    match step % 4 {
                        0 => {
                            let created = orders.create(slug).await.unwrap();
                            assert_eq!(&created.customer, slug);
                        }
                        1 => {
                            assert_eq!(&orders.get(own).await.unwrap().customer, slug);
                            let served = orders.get(foreign).await.map_err(|status| status.code());
                            assert_eq!(served, Err(Code::NotFound), "a foreign order was served");
                        }
                        2 => {
                            let changed = orders.pay(foreign).await.map_err(|status| status.code());
                            assert_eq!(changed, Err(Code::NotFound), "a foreign order was changed");
                        }
                        _ => {
                            let list = orders.list().await.unwrap();
                            assert!(!list.is_empty());
                            for order in &list {
                                assert_eq!(&order.customer, slug, "a foreign order was listed");
                            }
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    system.shutdown().await;
}
