//! Logging in.

use rowhouse_proto::auth::v1::{LoginRequest, LoginResponse};

use super::Rpc;
use crate::domain::{ChooseError, EmailAddress, Password, choose};
use crate::error::Error;
use crate::hashing::Verdict;
use crate::store::identities::{find_identity, replace_hash};
use crate::store::memberships::list_active_memberships;
use rowhouse_chassis::error::Violations;

/// Whatever is wrong with the address or the password is found out only after a hash was spent on it. A
/// request that cannot belong to anyone is refused before.
pub(super) async fn login(rpc: &Rpc, request: LoginRequest) -> Result<LoginResponse, Error> {
    let LoginRequest { email, password, tenant } = request;
    let (email, password) = parse(&email, password, tenant.as_deref())?;

    let identity =
        rpc.db.global_tx("auth.find_identity", async |tx| Ok::<_, Error>(find_identity(tx, &email).await?));
    let identity = identity.await?;
    let stored = identity.as_ref().map(|identity| identity.password_hash.clone());
    let verdict = rpc.hashing.check(password.clone(), stored).await?;
    let (Verdict::Right { outdated }, Some(identity), Some(password)) = (verdict, identity, password) else {
        return Err(Error::InvalidCredentials);
    };
    let rehashed = if outdated { Some(rpc.hashing.hash(password).await?) } else { None };

    let memberships = rpc
        .db
        .global_tx("auth.login", async |tx| {
            if let Some(hash) = &rehashed {
                replace_hash(tx, identity.id, &identity.password_hash, hash).await?;
            }
            Ok::<_, Error>(list_active_memberships(tx, identity.id).await?)
        })
        .await?;
    let chosen = choose(memberships, tenant.as_deref()).map_err(|error| match error {
        ChooseError::None => Error::NoActiveTenant,
        ChooseError::Several(memberships) => Error::TenantRequired(memberships),
        ChooseError::NotAMember => Error::InvalidCredentials,
    })?;

    let (user, tenant) = (identity.id.as_uuid(), chosen.tenant.as_uuid());
    let signed = rpc.issuer.access_token(user, tenant, chosen.role, rpc.token_lifetime)?;
    Ok(LoginResponse {
        access_token: signed.token,
        token_type: "Bearer".to_owned(),
        expires_in: signed.expires_in.as_secs().cast_signed(),
    })
}

/// A password that is too short or too long is no field violation: it is as wrong as any other, and nothing
/// is to be learnt from it.
fn parse(
    email: &str,
    password: String,
    tenant: Option<&str>,
) -> Result<(EmailAddress, Option<Password>), Error> {
    let mut violations = Violations::default();
    let email = violations.check("email", email.parse::<EmailAddress>());
    let password =
        if password.is_empty() { Err("send the password") } else { Ok(Password::parse(password).ok()) };
    let password = violations.check("password", password);
    let tenant =
        if tenant == Some("") { Err("send the tenant's slug or id, or leave it out") } else { Ok(()) };
    let tenant = violations.check("tenant", tenant);
    match (email, password, tenant) {
        (Some(email), Some(password), Some(())) => Ok((email, password)),
        _ => Err(violations.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(result: Result<(EmailAddress, Option<Password>), Error>) -> Vec<String> {
        match result {
            Err(Error::Invalid(violations)) => violations.into_iter().map(|one| one.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        assert_eq!(fields(parse("ada", String::new(), Some(""))), ["email", "password", "tenant"]);
        assert_eq!(fields(parse("", "correct horse".to_owned(), None)), ["email"]);
    }

    #[test]
    fn a_password_that_cannot_be_one_is_only_wrong() {
        for (password, possible) in
            [("1", false), ("12345678", true), (&"a".repeat(72), false), ("12345678\0", false)]
        {
            let (_, parsed) = parse("ada@example.com", password.to_owned(), None).unwrap();
            assert_eq!(parsed.is_some(), possible, "{password:?}");
        }
    }
}
