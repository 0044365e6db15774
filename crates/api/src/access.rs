//! [`Access`], the callers that a method declares.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::OptionError;
use crate::options::Extension;

/// The callers of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody. `optional_token`: an access token may be sent, and must then be valid.
    Public {
        /// True if REST accepts an access token.
        optional_token: bool,
    },
    /// A person, or an API key unless `person_only`, that has the permission.
    Permission {
        /// The permission's name, such as `orders:read`.
        name: String,
        /// True if API keys are refused.
        person_only: bool,
    },
    /// Any person who is logged in.
    Person,
    /// The service of this name.
    Service(String),
    /// The holder of the token of this name, which is no access token and which the method verifies itself.
    Proof(String),
}

impl Access {
    /// Returns the access that a method declares. Fails if it declares none.
    pub fn of(method: &MethodDescriptor) -> Result<Self, OptionError> {
        let error = |problem: &str| OptionError::new(method.full_name(), problem);
        let pool = method.parent_pool();
        let option = Extension::of(pool, &method.options(), "rowhouse.api.v1.method")
            .ok_or_else(|| error("declare who may call it, with the option (rowhouse.api.v1.method)"))?;
        let person_only = option.flag("person_only");
        let optional_token = option.flag("optional_token");
        let access = if option.flag("public") {
            Self::Public { optional_token }
        } else if let Some(name) = option.text("permission") {
            Self::Permission { name, person_only }
        } else if option.flag("person") {
            Self::Person
        } else if let Some(name) = option.text("service") {
            Self::Service(name)
        } else if let Some(name) = option.text("proof") {
            Self::Proof(name)
        } else {
            return Err(error("declare who may call it: public, permission, person, service or proof"));
        };
        if person_only && !matches!(access, Self::Permission { .. }) {
            return Err(error("person_only goes with permission only"));
        }
        if optional_token && !matches!(access, Self::Public { .. }) {
            return Err(error("optional_token goes with public only"));
        }
        Ok(access)
    }
}

/// Returns the access of every method of the packages, by the path of its calls, such as `/orders.v1.OrderService/GetOrder`.
pub fn access_by_path(
    pool: &DescriptorPool,
    packages: &[&str],
) -> Result<HashMap<String, Access>, OptionError> {
    let mut found = HashMap::new();
    for service in pool.services().filter(|service| packages.contains(&service.package_name())) {
        for method in service.methods() {
            found.insert(format!("/{}/{}", service.full_name(), method.name()), Access::of(&method)?);
        }
    }
    Ok(found)
}
