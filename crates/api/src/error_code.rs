//! The error codes that the packages declare.

use std::collections::HashSet;

use prost_reflect::DescriptorPool;

use crate::OptionError;
use crate::options::Extension;

const ENUM: &str = "ErrorCode";
const PREFIX: &str = "ERROR_CODE_";

/// A value of an enum `ErrorCode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// Such as `ORDER_NOT_FOUND`: the `reason` of google.rpc.ErrorInfo.
    pub reason: String,
    /// The gRPC status code, such as `NOT_FOUND`.
    pub grpc: String,
    /// The HTTP status.
    pub http: u16,
    /// The title of a problem document.
    pub title: String,
}

impl ErrorCode {
    /// The `code` of a problem document, such as `order_not_found`.
    #[must_use]
    pub fn code(&self) -> String {
        self.reason.to_ascii_lowercase()
    }
}

/// The error codes of all packages, each once.
pub fn error_codes(pool: &DescriptorPool) -> Result<Vec<ErrorCode>, OptionError> {
    let mut codes = Vec::new();
    let mut reasons = HashSet::new();
    for value in
        pool.all_enums().filter(|one| one.name() == ENUM).flat_map(|one| one.values().collect::<Vec<_>>())
    {
        if value.number() == 0 {
            continue;
        }
        let error = |problem: &str| OptionError::new(value.full_name(), problem);
        let option = Extension::of(pool, &value.options(), "rowhouse.api.v1.error")
            .ok_or_else(|| error("declare what it means, with the option (rowhouse.api.v1.error)"))?;
        let reason =
            value.name().strip_prefix(PREFIX).ok_or_else(|| error("begin the name with ERROR_CODE_"))?;
        let http = option.whole_number("http").and_then(|status| u16::try_from(status).ok());
        let code = ErrorCode {
            reason: reason.to_owned(),
            grpc: option.text("grpc").ok_or_else(|| error("declare its gRPC status code"))?,
            http: http
                .filter(|status| (400..600).contains(status))
                .ok_or_else(|| error("declare an HTTP status from 400 to 599"))?,
            title: option.text("title").ok_or_else(|| error("declare its title"))?,
        };
        if !reasons.insert(code.reason.clone()) {
            return Err(error("another package has a code of this name: choose another"));
        }
        codes.push(code);
    }
    Ok(codes)
}
