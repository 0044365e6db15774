//! Memberships, and the choice of one at a login.

use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Role;

/// A person's membership in an active tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActiveMembership {
    pub(crate) tenant: TenantId,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The reason why none of a person's memberships was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChooseError {
    /// There is none.
    None,
    /// There are several, and the caller named no tenant.
    Several(Vec<ActiveMembership>),
    /// None is in the tenant that the caller named.
    NotAMember,
}

/// Returns the membership for a login: the only one, or the one in the tenant that the caller named by id or slug. A
/// slug never has the form of an id.
pub(crate) fn choose(
    mut memberships: Vec<ActiveMembership>,
    tenant: Option<&str>,
) -> Result<ActiveMembership, ChooseError> {
    if let (Some(named), false) = (tenant, memberships.is_empty()) {
        let id = named.parse().ok();
        let chosen = memberships.into_iter().find(|one| Some(one.tenant) == id || one.slug == named);
        return chosen.ok_or(ChooseError::NotAMember);
    }
    match (memberships.pop(), memberships.is_empty()) {
        (None, _) => Err(ChooseError::None),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            memberships.push(last);
            Err(ChooseError::Several(memberships))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(slug: &str) -> ActiveMembership {
        let (tenant, name) = (TenantId::generate(), slug.to_uppercase());
        ActiveMembership { tenant, slug: slug.to_owned(), name, role: Role::Member }
    }

    #[test]
    fn the_only_one_need_not_be_named() {
        let acme = membership("acme");
        assert_eq!(choose(vec![acme.clone()], None), Ok(acme));
    }

    #[test]
    fn one_of_several_is_named_by_slug_or_id() {
        let both = vec![membership("acme"), membership("globex")];
        assert_eq!(choose(both.clone(), None), Err(ChooseError::Several(both.clone())));
        for one in &both {
            assert_eq!(choose(both.clone(), Some(&one.slug)), Ok(one.clone()));
            assert_eq!(choose(both.clone(), Some(&one.tenant.to_string())), Ok(one.clone()));
            assert_eq!(choose(both.clone(), Some(&one.tenant.to_string().to_uppercase())), Ok(one.clone()));
        }
    }

    #[test]
    fn another_tenant_is_not_chosen_even_when_there_is_only_one() {
        let acme = membership("acme");
        for named in ["globex", "ACME", "", " acme", &TenantId::generate().to_string()] {
            assert_eq!(choose(vec![acme.clone()], Some(named)), Err(ChooseError::NotAMember), "{named:?}");
        }
    }

    #[test]
    fn without_memberships_there_is_nothing_to_choose() {
        assert_eq!(choose(Vec::new(), None), Err(ChooseError::None));
        assert_eq!(choose(Vec::new(), Some("acme")), Err(ChooseError::None));
    }
}
