//! The second factor: activating, using and removing it.

use std::time::UNIX_EPOCH;

use hmac::{Hmac, KeyInit, Mac};
use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::api::{Answer, Api};

/// An authenticator application with the secret.
struct Device(Vec<u8>);

impl Device {
    fn new(secret: &str) -> Self {
        let mut bytes = Vec::new();
        let (mut buffer, mut bits) = (0_u32, 0);
        for character in secret.bytes() {
            let value =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == character).unwrap();
            buffer = (buffer << 5 | u32::try_from(value).unwrap()) & 0xfff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap());
            }
        }
        Self(bytes)
    }

    /// Returns the code of now, or of some steps of 30 seconds later (RFC 6238).
    fn code(&self, steps: u64) -> String {
        self.at(UNIX_EPOCH.elapsed().unwrap().as_secs() / 30 + steps)
    }

    fn at(&self, step: u64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).unwrap();
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[19] & 0xf);
        let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

#[test]
fn the_device_is_the_one_of_the_rfc() {
    let device = Device::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(device.0, b"12345678901234567890");
    assert_eq!(
        (device.at(59 / 30), device.at(1_111_111_109 / 30)),
        ("287082".to_owned(), "081804".to_owned())
    );
}

fn credentials(tenant: &Tenant) -> Value {
    json!({ "email": tenant.admin_email, "password": tenant.password })
}

/// Logs in with the password, which asks for the second factor.
async fn first_step(api: &Api, tenant: &Tenant) -> String {
    let asked = api.post("/v1/auth/login", &credentials(tenant)).refused(401, "mfa_required").await;
    assert_eq!(asked.header("www-authenticate"), "Bearer realm=\"rowhouse\"");
    assert!(asked.body.get("access_token").is_none());
    asked.text("mfa_token").to_owned()
}

async fn second_step(api: &Api, mfa_token: &str, code: &str) -> Answer {
    api.post("/v1/auth/mfa", &json!({ "mfa_token": mfa_token, "code": code })).send().await
}

fn is(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_takes_a_second_step() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let code = |code: &str| json!({ "code": code });

    ada.post("/v1/mfa/totp/confirm", &code("123456")).refused(409, "mfa_not_enabled").await;
    ada.request(reqwest::Method::DELETE, "/v1/mfa/totp")
        .json(&code("123456"))
        .refused(409, "mfa_not_enabled")
        .await;
    ada.request(reqwest::Method::POST, "/v1/mfa/totp").expect(201).await;
    // Until it is confirmed, another call replaces the secret, and a login takes one step.
    let made = ada.request(reqwest::Method::POST, "/v1/mfa/totp").expect(201).await;
    let secret = made.text("secret");
    assert!(made.text("otpauth_url").starts_with("otpauth://totp/"), "{}", made.text);
    assert!(made.text("otpauth_url").contains(secret), "{}", made.text);
    api.post("/v1/auth/login", &credentials(&acme)).expect(200).await;
    let device = Device::new(secret);
    let wrong = if device.code(0).starts_with('0') { "123456" } else { "012345" };
    ada.post("/v1/mfa/totp/confirm", &code(wrong)).refused(401, "mfa_code_invalid").await;
    let confirmed = ada.post("/v1/mfa/totp/confirm", &code(&device.code(0))).expect(200).await;
    let recovery = confirmed.body["recovery_codes"].as_array().unwrap().clone();
    assert!(recovery.len() >= 8, "{recovery:?}");
    ada.request(reqwest::Method::POST, "/v1/mfa/totp").refused(409, "mfa_enabled").await;

    let mfa_token = first_step(&api, &acme).await;
    is(&second_step(&api, &mfa_token, wrong).await, 401, "mfa_code_invalid");
    is(&second_step(&api, "x", &device.code(1)).await, 401, "mfa_token_invalid");
    let next = device.code(1);
    let done = second_step(&api, &mfa_token, &next).await;
    assert_eq!(done.status, 200, "{}", done.text);
    api.with_token(done.text("access_token")).get("/v1/me").expect(200).await;
    let refresh = json!({ "refresh_token": done.text("refresh_token") });
    api.post("/v1/auth/refresh", &refresh).expect(200).await;

    // A code can be used once.
    let mfa_token = first_step(&api, &acme).await;
    is(&second_step(&api, &mfa_token, &next).await, 401, "mfa_code_invalid");
    // So can a recovery code.
    let recovery_code = recovery[0].as_str().unwrap();
    assert_eq!(second_step(&api, &mfa_token, recovery_code).await.status, 200);
    let mfa_token = first_step(&api, &acme).await;
    is(&second_step(&api, &mfa_token, recovery_code).await, 401, "mfa_code_invalid");

    let wrong = ada.request(reqwest::Method::DELETE, "/v1/mfa/totp").json(&code(recovery_code));
    wrong.refused(401, "mfa_code_invalid").await;
    let off = ada.request(reqwest::Method::DELETE, "/v1/mfa/totp").json(&code(recovery[1].as_str().unwrap()));
    off.expect(204).await;
    api.post("/v1/auth/login", &credentials(&acme)).expect(200).await;
    system.shutdown().await;
}
