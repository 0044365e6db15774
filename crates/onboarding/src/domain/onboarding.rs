//! [`Onboarding`], a validated request for a new tenant.

use rowhouse_chassis::error::{FieldViolation, Violations};
use rowhouse_proto::onboarding::v1::{AdminCredentials, OnboardTenantRequest};
use rowhouse_text::{EmailAddress, Password};

use rowhouse_chassis::idempotency::IdempotencyKey;

use super::{Administrator, Fingerprint, KeyDigest, SlugPlan, TenantName};

/// A validated request for a new tenant.
pub(crate) struct Onboarding {
    pub(crate) name: TenantName,
    pub(crate) slug: SlugPlan,
    pub(crate) admin: Administrator,
    /// The key and the fingerprint, if the caller sent a key.
    pub(crate) idempotency: Option<(KeyDigest, Fingerprint)>,
    /// True if the fingerprint includes the password, which has to be hashed for it.
    pub(crate) proven: bool,
}

impl Onboarding {
    /// Parses a request, and reports all violations at once.
    pub(crate) fn parse(request: OnboardTenantRequest) -> Result<Self, Vec<FieldViolation>> {
        let OnboardTenantRequest { name, slug, admin, idempotency_key } = request;
        let mut violations = Violations::default();
        let name = violations.check("name", name.parse::<TenantName>());
        let slug = violations.check("slug", slug.map(|slug| slug.parse()).transpose());
        let admin = violations.check("admin", admin.ok_or("send the first owner's address"));
        let admin = admin.map(|AdminCredentials { email, password }| {
            let email = violations.check("admin.email", email.parse::<EmailAddress>());
            let password = password.map(Password::parse).transpose();
            let password = violations.check("admin.password", password);
            email.zip(password)
        });
        let key = idempotency_key.map(|key| key.parse::<IdempotencyKey>()).transpose();
        let key = violations.check("idempotency_key", key);
        let (Some(name), Some(slug), Some(Some((email, password))), Some(key)) = (name, slug, admin, key)
        else {
            return Err(violations.into());
        };
        let idempotency =
            key.map(|key| (KeyDigest::new(&email, &key), Fingerprint::new(&name, slug.as_ref(), &email)));
        let slug = SlugPlan::new(slug, &name);
        Ok(Self { name, slug, admin: Administrator { email, password }, idempotency, proven: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> OnboardTenantRequest {
        OnboardTenantRequest {
            name: "Acme".to_owned(),
            slug: None,
            admin: Some(AdminCredentials { email: "ada@example.com".to_owned(), password: None }),
            idempotency_key: None,
        }
    }

    fn fields(request: OnboardTenantRequest) -> Vec<String> {
        let violations = Onboarding::parse(request).err().unwrap();
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn the_least_request_is_enough() {
        let onboarding = Onboarding::parse(request()).ok().unwrap();
        assert_eq!(onboarding.name.as_str(), "Acme");
        assert_eq!(onboarding.slug, SlugPlan::Derived("acme".parse().unwrap()));
        assert_eq!(onboarding.admin.email.as_str(), "ada@example.com");
        assert!(onboarding.admin.password.is_none());
        assert_eq!(onboarding.idempotency, None);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let wrong = OnboardTenantRequest {
            name: String::new(),
            slug: Some("A".to_owned()),
            admin: Some(AdminCredentials { email: "ada".to_owned(), password: Some("short".to_owned()) }),
            idempotency_key: Some(String::new()),
        };
        let all = ["name", "slug", "admin.email", "admin.password", "idempotency_key"];
        assert_eq!(fields(wrong), all);
        assert_eq!(fields(OnboardTenantRequest { admin: None, ..request() }), ["admin"]);
        assert_eq!(fields(OnboardTenantRequest { slug: Some(String::new()), ..request() }), ["slug"]);
    }

    #[test]
    fn the_password_is_added_later() {
        let idempotency = |password: Option<&str>, slug: Option<&str>| {
            let mut request = request();
            request.idempotency_key = Some("key".to_owned());
            request.slug = slug.map(str::to_owned);
            request.admin.as_mut().unwrap().password = password.map(str::to_owned);
            Onboarding::parse(request).ok().unwrap().idempotency.unwrap()
        };
        let first = idempotency(Some("correct horse"), None);
        assert_eq!(first, idempotency(Some("battery staple"), None));
        assert_eq!(first, idempotency(None, None));
        assert_ne!(first.1, idempotency(Some("correct horse"), Some("acme")).1);
    }
}
