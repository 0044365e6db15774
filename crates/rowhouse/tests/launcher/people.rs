//! Emails in development, and operators' commands on people.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::dev::Dev;
use crate::run::{directory, rowhouse, stderr, stdout, until};

const EMAIL: &str = "bill@initech.example";

async fn login(gateway: &str) -> u16 {
    let body = json!({ "email": EMAIL, "password": "correct horse battery" });
    let request = Client::new().post(format!("{gateway}/v1/auth/login")).json(&body);
    request.send().await.unwrap().status().as_u16()
}

/// Creates an API key and an invitation as Bill. Returns the request that exchanges the key.
async fn make_key_and_invite(gateway: &str) -> Value {
    let post = async |path: &str, token: Option<&str>, body: Value| -> Value {
        let mut request = Client::new().post(format!("{gateway}{path}")).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let login = json!({ "email": EMAIL, "password": "correct horse battery" });
    let tokens = post("/v1/auth/login", None, login).await;
    let token = tokens["access_token"].as_str();
    let invitation = json!({ "email": "peter@initech.example", "role": "member" });
    post("/v1/invitations", token, invitation).await;
    let key = post("/v1/api-keys", token, json!({ "name": "export", "scopes": ["orders:read"] })).await;
    let (id, secret) = (&key["client_id"], &key["client_secret"]);
    json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret })
}

async fn token_for(gateway: &str, exchange: &Value) -> u16 {
    let request = Client::new().post(format!("{gateway}/v1/auth/token")).json(exchange);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_links_of_emails_are_printed() {
    let parent = directory();
    let data = parent.path().join("data");
    let dev = Dev::start(&data);
    let gateway = dev.endpoint("gateway");
    dev.paste();
    let shown =
        format!("mail to {EMAIL}: Confirm your email address {gateway}/verify-email?token=rowhouse_otl_");
    let line =
        until("the link", || dev.stdout().lines().find(|line| line.starts_with(&shown)).map(str::to_owned));
    let (_, token) = line.split_once("?token=").unwrap();
    let body = json!({ "token": token });
    let request = Client::new().post(format!("{gateway}/v1/auth/email/verify")).json(&body);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 204);
    assert!(!dev.stderr().contains("rowhouse_otl_"), "no token in the log");

    let keys = data.join("keys/encryption.keys");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    let made = fs::read(&keys).unwrap();
    let before = dev.stdout();
    dev.stop(Signal::TERM);
    let again = Dev::start(&data);
    assert_eq!(fs::read(&keys).unwrap(), made);
    // An email whose job was still queued at the stop is sent now, and shown for the first time.
    let after = again.stdout();
    let shown_again: Vec<_> =
        after.lines().filter(|line| line.starts_with("mail to ") && before.contains(line)).collect();
    assert!(shown_again.is_empty(), "each email is shown once: {shown_again:?}");
    again.stop(Signal::TERM);

    // A directory from before there were encryption keys.
    fs::remove_file(&keys).unwrap();
    let old = Dev::start(&data);
    assert_ne!(fs::read(&keys).unwrap(), made);
    assert_eq!(login(&old.endpoint("gateway")).await, 200);
    old.stop(Signal::TERM);
}

#[tokio::test]
async fn a_disabled_person_is_locked_out_until_they_are_enabled() {
    let parent = directory();
    let dev = Dev::start(&parent.path().join("data"));
    let (gateway, database) = (dev.endpoint("gateway"), dev.endpoint("database"));
    dev.paste();
    let user = |command: &str, email: &str| {
        rowhouse(&["user", command, email, "--reason", "a test", "--database-url", &database])
            .output()
            .unwrap()
    };
    assert_eq!(login(&gateway).await, 200);
    let made = make_key_and_invite(&gateway).await;
    assert_eq!(token_for(&gateway, &made).await, 200);
    // The second time nothing is left to revoke.
    for revoked in [" 1 API keys and 1 invitations\n", " 0 API keys and 0 invitations\n"] {
        let disabled = user("disable", " Bill@Initech.example");
        assert_eq!(stdout(&disabled), format!("disabled {EMAIL}\n"), "{}", stderr(&disabled));
        assert!(stderr(&disabled).ends_with(revoked), "{}", stderr(&disabled));
        assert_eq!(token_for(&gateway, &made).await, 400);
        assert_eq!(login(&gateway).await, 401);
    }
    let enabled = user("enable", EMAIL);
    assert_eq!(stdout(&enabled), format!("enabled {EMAIL}\n"), "{}", stderr(&enabled));
    assert_eq!(login(&gateway).await, 200);

    let unknown = user("disable", "nobody@initech.example");
    assert_eq!(unknown.status.code(), Some(1));
    let expected = "rowhouse: nobody has the email address or id nobody@initech.example: ";
    assert!(stderr(&unknown).starts_with(expected), "{}", stderr(&unknown));
    dev.stop(Signal::TERM);
}
