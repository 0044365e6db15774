//! The invariants after everything has come to rest.

use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_testkit::ProgramName;
use tokio::time::{sleep, timeout};

use crate::world::World;

/// The query for work in progress.
const UNDER_WAY: &str = "
    SELECT (SELECT count(*) FROM tenancy.tenants WHERE status = 'provisioning')
        + (SELECT count(*) FROM jobs.jobs WHERE kind = 'letter.send' AND status IN ('queued', 'running'))";

/// The query for violations, one row each.
const WRONG: &str = "
    WITH kept AS (
        SELECT t.id, t.slug, t.status, o.email, o.finished_at, o.member_proof, o.failure,
            ARRAY[
                (SELECT count(*) FROM onboarding.onboardings x WHERE x.tenant_id = t.id),
                (SELECT count(*) FROM auth.memberships x WHERE x.tenant_id = t.id),
                (SELECT count(*) FROM auth.identities x WHERE x.email = o.email),
                (SELECT count(*) FROM auth.audit_log x WHERE x.tenant_id = t.id AND x.action = 'member.add'),
                (SELECT count(*) FROM orders.number_series x WHERE x.tenant_id = t.id),
                (SELECT count(*) FROM jobs.jobs x WHERE x.tenant_id = t.id AND x.kind = 'orders.purge'
                    AND x.status = 'queued' AND x.every_seconds = 86400),
                (SELECT count(*) FROM jobs.jobs x WHERE x.tenant_id = t.id AND x.kind = 'letter.send'
                    AND x.status = 'succeeded'),
                (SELECT count(*) FROM jobs.jobs x WHERE x.tenant_id = t.id AND x.kind = 'tenant.set_up'
                    AND x.status = 'succeeded')
            ] AS once,
            (SELECT count(*) FROM jobs.jobs x WHERE x.tenant_id = t.id) AS jobs,
            (SELECT count(*) FROM auth.invitations x WHERE x.tenant_id = t.id) AS invitations
        FROM tenancy.tenants t LEFT JOIN onboarding.onboardings o ON o.tenant_id = t.id
    )
    SELECT format('%s', k) FROM kept k
    WHERE k.status <> 'active' OR k.finished_at IS NULL OR k.member_proof IS NOT NULL OR k.failure IS NOT NULL
        OR k.once <> ARRAY[1, 1, 1, 1, 1, 1, 1, 1]::bigint[] OR k.jobs <> 3 OR k.invitations <> 0
    UNION ALL
    SELECT format('%s has an identity and no tenant', i.email) FROM auth.identities i
    WHERE NOT EXISTS (SELECT FROM onboarding.onboardings o WHERE o.email = i.email)
    UNION ALL
    SELECT format('a key leads to %s, which is not there', k.tenant_id) FROM onboarding.idempotency_keys k
    WHERE NOT EXISTS (SELECT FROM tenancy.tenants t WHERE t.id = k.tenant_id)";

/// Waits until no work is in progress, and checks everything. Returns the number of tenants.
pub(crate) async fn check(world: &World) -> usize {
    let admin = world.admin().await;
    let at_rest = async {
        while admin.query_one(UNDER_WAY, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let at_rest = timeout(Duration::from_secs(90), at_rest).await;
    let wrong: Vec<String> =
        admin.query(WRONG, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)).collect();
    if at_rest.is_err() || !wrong.is_empty() {
        for service in ServiceName::ALL {
            eprintln!("-- {service}\n{}", world.processes.output(ProgramName::Service(*service), 0));
        }
    }
    assert!(wrong.is_empty(), "{} things are wrong: {wrong:#?}", wrong.len());
    at_rest.expect("everything comes to rest");

    let tenants = admin.query("SELECT email FROM onboarding.onboardings", &[]).await.unwrap();
    let messages = world.processes.mail_directory().emails();
    let welcomes: Vec<&str> = messages
        .iter()
        .filter(|message| message.subject.starts_with("Welcome"))
        .map(|message| message.to.as_str())
        .collect();
    for tenant in &tenants {
        let email: &str = tenant.get(0);
        assert_eq!(welcomes.iter().filter(|to| **to == email).count(), 1, "{email}");
    }
    assert_eq!(welcomes.len(), tenants.len());
    tenants.len()
}
