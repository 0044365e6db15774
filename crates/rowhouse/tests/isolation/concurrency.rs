//! Above the pool's size, where a context that outlives its transaction shows.

use std::time::{Duration, Instant};

use rowhouse_testkit::{TestOptions, TestSystem};

use crate::orders::Orders;

const TENANTS: usize = 8;
const TASKS: usize = 64;
const LASTING: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_alternating_between_tenants_never_see_a_foreign_row() {
    let system = TestSystem::start_with(TestOptions { pool_size: 4, ..TestOptions::default() }).await;
    let mut callers = Vec::new();
    for index in 0..TENANTS {
        let tenant = system.onboard(&format!("Tenant {index}")).await;
        let orders = Orders::of(&system, &tenant).await;
        // The customer's name is the mark of whose row it is.
        let order = orders.create(&tenant.slug).await.unwrap();
        callers.push((orders, tenant.slug, order.id));
    }

    let until = Instant::now() + LASTING;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let callers = callers.clone();
            tokio::spawn(async move {
                let mut rows = 0_usize;
                for step in task.. {
                    if Instant::now() >= until {
                        break;
                    }
                    // All four operations as one tenant, then as the next.
                    let (orders, slug, own) = &callers[(step / 4) % TENANTS];
                    let foreign = &callers[(step / 4 + 1) % TENANTS].2;
                    match step % 4 {
                        0 => {
                            let created = orders.create(slug).await.unwrap();
                            assert_eq!(&created.customer, slug);
                            rows += 1;
                        }
                        1 => {
                            assert_eq!(&orders.get(own).await.unwrap().customer, slug);
                            assert!(orders.get(foreign).await.is_err(), "a foreign order was served");
                            rows += 1;
                        }
                        2 => assert!(orders.pay(foreign).await.is_err(), "a foreign order was changed"),
                        _ => {
                            let list = orders.list().await.unwrap();
                            assert!(!list.is_empty());
                            for order in &list {
                                assert_eq!(&order.customer, slug, "a foreign order was listed");
                            }
                            rows += list.len();
                        }
                    }
                }
                rows
            })
        })
        .collect();
    let mut rows = 0;
    for task in tasks {
        rows += task.await.unwrap();
    }
    assert!(rows > TASKS, "only {rows} rows were looked at");
    system.shutdown().await;
}
