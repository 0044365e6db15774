//! The permissions that the services declare.

use std::collections::HashSet;

use prost_reflect::{DescriptorPool, ServiceDescriptor};

use crate::OptionError;
use crate::options::Extension;

/// A permission, declared at the service that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The service that declares it.
    pub service: ServiceDescriptor,
    /// The name in scopes, such as `orders:read`.
    pub name: String,
    /// The description for people, such as `Read orders`.
    pub title: String,
    /// The lowest role that has it, such as `viewer`.
    pub lowest_role: String,
}

/// Returns the permissions of all services, each once.
pub fn permissions(pool: &DescriptorPool) -> Result<Vec<Permission>, OptionError> {
    let mut permissions = Vec::new();
    let mut names = HashSet::new();
    for service in pool.services() {
        let error = |problem: String| OptionError::new(service.full_name(), problem);
        let option = Extension::of(pool, &service.options(), "rowhouse.api.v1.service");
        for declared in option.iter().flat_map(|option| option.messages("permissions")) {
            let name = declared.text("name").ok_or_else(|| error("name each permission".to_owned()))?;
            let (title, lowest_role) = declared
                .text("title")
                .zip(declared.text("lowest_role"))
                .ok_or_else(|| error(format!("declare title and lowest_role of the permission {name}")))?;
            if !names.insert(name.clone()) {
                return Err(error(format!("the permission {name} is declared twice: choose another name")));
            }
            permissions.push(Permission { service: service.clone(), name, title, lowest_role });
        }
    }
    Ok(permissions)
}
