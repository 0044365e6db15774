//! The audit log, as administrators read it.

use std::collections::HashSet;

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::{AuditLogEntry, Role};

use crate::support::{PASSWORD, Service};
use crate::team::{Caller, accept, exchange, login, member, refresh};

async fn all(caller: &Caller<'_>, action: &str, page_size: i32) -> Vec<AuditLogEntry> {
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = caller.audit_log(action, page_size, &page_token).await.unwrap();
        seen.extend(page.entries);
        if page.next_page_token.is_empty() {
            return seen;
        }
        page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_listed_newest_first_in_pages() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for _ in 0..6 {
        login(&service, acme, "ada@example.com").await;
    }
    let entries = all(&ada, "", 3).await;
    let ids: HashSet<_> = entries.iter().map(|entry| &entry.id).collect();
    assert_eq!((ids.len(), entries.len()), (8, 8), "each once");
    let whole = ada.audit_log("", 100, "").await.unwrap().entries;
    assert_eq!(entries, whole);
    let time = |entry: &AuditLogEntry| entry.occurred_at.map(|at| (at.seconds, at.nanos)).unwrap();
    assert!(entries.windows(2).all(|pair| time(&pair[0]) >= time(&pair[1])));

    let newest = &entries[0];
    assert_eq!((newest.action.as_str(), newest.outcome.as_str()), ("sign_in", "success"));
    assert_eq!(
        (newest.actor.as_ref().unwrap().r#type.as_str(), newest.target.as_ref().unwrap().r#type.as_str()),
        ("user", "session")
    );
    assert_eq!(newest.details["method"], "password");
    assert_eq!(newest.ip_address, "127.0.0.1");
    assert_eq!(entries[7].action, "member.add");

    // Entries of the same time are ordered by their ids.
    service.sql("UPDATE auth.audit_log SET occurred_at = now()").await;
    let same: HashSet<_> = all(&ada, "", 3).await.into_iter().map(|entry| entry.id).collect();
    assert_eq!(same.len(), 8);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_action_can_be_picked_out() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    for number in 0..3 {
        ada.make_key(&format!("key {number}"), &["orders:read"]).await.unwrap();
    }
    let made = all(&ada, "api_key.create", 2).await;
    let names: Vec<_> = made.iter().map(|entry| entry.details["name"].as_str()).collect();
    assert_eq!(names, ["key 2", "key 1", "key 0"]);
    assert!(all(&ada, "no.such.action", 2).await.is_empty());
    let next = ada.audit_log("api_key.create", 2, "").await.unwrap().next_page_token;
    for other in ["", "sign_in"] {
        let refused = ada.audit_log(other, 2, &next).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.violations[0].field.as_str()),
            (Code::INVALID_ARGUMENT, "page_token")
        );
    }
    for action in ["\0", &"a".repeat(65)] {
        let refused = ada.audit_log(action, 2, "").await.unwrap_err();
        assert_eq!((refused.code, refused.violations[0].field.as_str()), (Code::INVALID_ARGUMENT, "action"));
    }
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_reads_its_own() {
    let service = Service::start().await;
    let (acme, globex) = (service.tenant("acme").await, service.tenant("globex").await);
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let eve = member(&service, globex, "eve@example.com", Role::Owner).await;
    for number in 0..3 {
        eve.make_key(&format!("key {number}"), &["orders:read"]).await.unwrap();
    }
    let (of_acme, of_globex) = (all(&ada, "", 1).await, all(&eve, "", 1).await);
    assert_eq!((of_acme.len(), of_globex.len()), (2, 5));
    // A page token is a position and not a tenant, so it gives no access to another log.
    let next = eve.audit_log("", 1, "").await.unwrap().next_page_token;
    let page = ada.audit_log("", 100, &next).await.unwrap().entries;
    assert_eq!(page, of_acme);
    service.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_or_removed() {
    let service = Service::start().await;
    for (privilege, granted) in [
        ("SELECT", "true"),
        ("INSERT", "true"),
        ("UPDATE", "false"),
        ("DELETE", "false"),
        ("TRUNCATE", "false"),
    ] {
        let has = format!("has_table_privilege('rowhouse_auth', 'auth.audit_log', '{privilege}')");
        assert_eq!(service.value(&has).await, granted, "{privilege}");
        if privilege == "UPDATE" {
            let any = "has_any_column_privilege('rowhouse_auth', 'auth.audit_log', 'UPDATE')";
            assert_eq!(service.value(any).await, "false");
        }
    }
    service.running.stop().await;
}

/// Every action with a secret is done once, and then the log is searched.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_never_a_secret_in_it() {
    let service = Service::start().await;
    let acme = service.tenant("acme").await;
    let ada = member(&service, acme, "ada@example.com", Role::Owner).await;
    let tokens = refresh(&service.running, &ada.refresh_token).await.unwrap();
    crate::support::refused(service.running.login("ada@example.com", "wrong horse", None).await);
    ada.invite("bob@example.com", Role::Viewer).await.unwrap();
    let link = service.mail_to("bob@example.com", "Invitation").await.token;
    accept(&service.running, &link, Some("battery staple"), None).await.unwrap();
    let key = ada.make_key("export", &["orders:read"]).await.unwrap();
    let key_id = key.api_key.unwrap().id;
    let issued = exchange(&service.running, &key_id, &key.client_secret, "").await.unwrap();
    exchange(&service.running, &key_id, &key.client_secret, "orders:write").await.unwrap_err();
    ada.delete_key(&key_id).await.unwrap();
    service.until("SELECT count(*) FROM jobs.global_jobs", "0").await;

    let rows = service.value("SELECT string_agg(a::text, ' ') FROM auth.audit_log a").await;
    for action in ["sign_in", "invitation.accept", "member.add", "api_key.exchange", "api_key.delete"] {
        assert!(rows.contains(action), "{action}: {rows}");
    }
    for secret in [
        PASSWORD,
        "wrong horse",
        "battery staple",
        &ada.token,
        &ada.refresh_token,
        &tokens.refresh_token,
        &link,
        &key.client_secret,
        &issued.access_token,
        "rowhouse_",
    ] {
        assert!(!rows.contains(secret), "{secret}");
    }
    service.running.stop().await;
}
