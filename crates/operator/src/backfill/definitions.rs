//! The definitions of all backfills.

use super::Backfill;

/// All backfills. A backfill is kept as long as there may be a database without its contract migration.
pub const ALL: &[Backfill] = &[ORDERS_PRIORITY];

/// The backfill between the migrations `000012_orders_priority` and `000014_orders_priority_contract`.
const ORDERS_PRIORITY: Backfill = Backfill {
    name: "orders-priority",
    purpose: "stores the priority normal in orders that were placed before there were priorities",
    count: "SELECT count(*) FROM orders.orders o WHERE o.tenant_id = $1 AND o.priority IS NULL",
    // An order is shown in the same way as before, so its version stays. The statement waits for a row that is being
    // changed and checks it again, so a priority that was just set stays.
    batch: "UPDATE orders.orders o SET priority = 'normal'
        WHERE o.tenant_id = $1 AND o.id IN (
            SELECT b.id FROM orders.orders b WHERE b.tenant_id = $1 AND b.priority IS NULL
            ORDER BY b.number LIMIT $2 FOR NO KEY UPDATE
        )",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_names_its_tenant_and_its_limit() {
        for Backfill { name, purpose, count, batch } in ALL {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert!(!purpose.is_empty(), "{name}");
            assert!(count.contains("tenant_id = $1") && !count.contains("$2"), "{name}");
            assert!(batch.contains("tenant_id = $1") && batch.contains("LIMIT $2"), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        }
    }
}
