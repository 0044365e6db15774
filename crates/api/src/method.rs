//! The options of methods and services.

use prost_reflect::{MethodDescriptor, ServiceDescriptor};

use crate::options::Extension;
use crate::{Access, HttpBinding, OptionError, Verb};

/// The options of a method.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields of rowhouse.api.v1.Method, which documents them")]
pub struct MethodOptions {
    pub access: Access,
    pub http: Option<HttpBinding>,
    pub success: u16,
    pub pending: Option<u16>,
    pub pending_field: Option<String>,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub if_match: Option<String>,
    pub idempotency_key: Option<String>,
    pub access_token: Option<String>,
    pub errors: Vec<String>,
}

impl MethodOptions {
    /// Returns the options of `method`. Fails if it does not declare its access.
    pub fn of(method: &MethodDescriptor) -> Result<Self, OptionError> {
        let access = Access::of(method)?;
        let error = |problem: &str| OptionError::new(method.full_name(), problem);
        let option = Extension::of(method.parent_pool(), &method.options(), "rowhouse.api.v1.method")
            .ok_or_else(|| error("declare the option (rowhouse.api.v1.method)"))?;
        let status = |field: &str| match option.whole_number(field) {
            None | Some(0) => Ok(None),
            Some(status) => match u16::try_from(status) {
                Ok(status) if (200..300).contains(&status) => Ok(Some(status)),
                _ => Err(error(&format!("{field} is an HTTP status from 200 to 299"))),
            },
        };
        let options = Self {
            access,
            http: HttpBinding::of(method)?,
            success: status("success")?.unwrap_or(200),
            pending: status("pending")?,
            pending_field: option.text("pending_field"),
            location: option.text("location"),
            etag: option.text("etag"),
            if_match: option.text("if_match"),
            idempotency_key: option.text("idempotency_key"),
            access_token: option.text("access_token"),
            errors: option.texts("errors"),
        };
        if options.pending.is_some() != options.pending_field.is_some() {
            return Err(error("pending and pending_field go together"));
        }
        let post = options.http.as_ref().is_some_and(|http| http.verb == Verb::Post);
        let with_reason = option.text("without_key").is_some();
        if with_reason != (post && options.idempotency_key.is_none()) {
            return Err(error(
                "a POST that can be repeated declares the field idempotency_key, and any other POST declares with without_key why a \
                 repeat does no harm; nothing else declares without_key",
            ));
        }
        if options.http.is_some() && matches!(options.access, Access::Service(_)) {
            return Err(error("a method for services alone has no REST binding"));
        }
        Ok(options)
    }
}

/// The options of a service.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields of rowhouse.api.v1.Service, which documents them")]
pub struct ServiceOptions {
    pub tag: String,
}

impl ServiceOptions {
    /// Returns the options of `service`.
    pub fn of(service: &ServiceDescriptor) -> Result<Self, OptionError> {
        let option = Extension::of(service.parent_pool(), &service.options(), "rowhouse.api.v1.service");
        let tag = option.and_then(|option| option.text("tag"));
        let tag = tag.ok_or_else(|| {
            OptionError::new(
                service.full_name(),
                "declare its tag, with the option (rowhouse.api.v1.service)",
            )
        })?;
        Ok(Self { tag })
    }
}
