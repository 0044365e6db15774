//! No secret is printed.

use std::fmt;

use prost_reflect::{DescriptorPool, Kind};
use rowhouse_api::FieldOptions;

use crate::auth::v1::{
    ConfirmTotpResponse, CreateApiKeyResponse, LoginRequest, LoginResponse, PrepareMemberRequest, Role,
    Tokens,
};
use crate::onboarding::v1::{AdminCredentials, OnboardTenantRequest};

const SECRET: &str = "correct horse";

fn assert_redacted(message: &dyn fmt::Debug) {
    for printed in [format!("{message:?}"), format!("{message:#?}")] {
        assert!(!printed.contains(SECRET), "{printed}");
        assert!(printed.contains("[redacted]"), "{printed}");
    }
}

#[test]
fn debug_prints_no_secret() {
    let email = "ada@example.com".to_owned();
    let secret = SECRET.to_owned();
    let login =
        LoginRequest { email: email.clone(), password: secret.clone(), tenant: None, device_token: None };
    assert_redacted(&login);
    assert!(format!("{login:?}").contains("ada@example.com"));
    assert_redacted(&LoginResponse {
        tokens: Some(Tokens {
            access_token: secret.clone(),
            token_type: "Bearer".to_owned(),
            expires_in: 600,
            refresh_token: secret.clone(),
            device_token: Some(secret.clone()),
        }),
    });
    assert_redacted(&PrepareMemberRequest {
        email: email.clone(),
        password: Some(secret.clone()),
        role: Role::Owner.into(),
        access_token: Some(secret.clone()),
    });
    assert_redacted(&OnboardTenantRequest {
        name: "Acme".to_owned(),
        slug: None,
        admin: Some(AdminCredentials { email, password: Some(secret.clone()) }),
        idempotency_key: None,
    });
    assert_redacted(&ConfirmTotpResponse { recovery_codes: vec![secret.clone()] });
    assert_redacted(&CreateApiKeyResponse { api_key: None, client_secret: secret, client_id: String::new() });
}

/// A `tonic::Request` prints its message.
#[test]
fn a_request_prints_no_secret() {
    assert_redacted(&tonic::Request::new(LoginRequest {
        email: "ada@example.com".to_owned(),
        password: SECRET.to_owned(),
        tenant: None,
        device_token: None,
    }));
}

/// A secret that nobody declared would be in the logs.
#[test]
fn what_sounds_like_a_secret_is_declared_as_one() {
    const SOUNDS: [&str; 6] = ["password", "secret", "token", "recovery", "proof", "otpauth"];
    const HARMLESS: [&str; 3] = ["page_token", "next_page_token", "token_type"];
    let pool = DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
    let mut secrets = 0;
    for field in pool.all_messages().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        let text = matches!(field.kind(), Kind::String | Kind::Bytes);
        let package = field.parent_message().package_name().to_owned();
        let sounds =
            SOUNDS.iter().any(|sound| field.name().contains(sound)) && !HARMLESS.contains(&field.name());
        if text && sounds && !package.starts_with("google.") && package != "rowhouse.api.v1" {
            assert!(FieldOptions::of(&field).secret, "{} is not declared secret", field.full_name());
            secrets += 1;
        }
    }
    assert!(secrets >= 20, "{secrets}");
}
