//! The error codes that the packages declare.

use std::collections::HashSet;

use heck::ToUpperCamelCase;
use prost_reflect::{DescriptorPool, EnumValueDescriptor};

use crate::OptionError;
use crate::options::Extension;

/// The suffix of the names of enums that declare error codes.
const ENUM: &str = "ErrorCode";
/// The part of their values' names that the code's name leaves out.
const INFIX: &str = "ERROR_CODE_";

/// A value of an enum such as `ErrorCode` or `NoteErrorCode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// The value that declares it.
    pub value: EnumValueDescriptor,
    /// The `reason` of google.rpc.ErrorInfo: the value's name without `ERROR_CODE_`. `ERROR_CODE_ORDER_NOT_FOUND` declares
    /// `ORDER_NOT_FOUND`, and `NOTE_ERROR_CODE_NOT_FOUND` declares `NOTE_NOT_FOUND`.
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

    /// Returns the declaration of the code as a constant in Rust, for build scripts: a `Code` of `rowhouse_errors`.
    #[must_use]
    pub fn constant(&self) -> String {
        let Self { reason, grpc, http, title, value: _ } = self;
        let (name, grpc) = (self.code(), grpc.to_upper_camel_case());
        format!(
            "/// {title}.
pub const {reason}: Code = Code::new(&Definition {{
    name: {name:?},
    reason: {reason:?},
    grpc: ::tonic::Code::{grpc},
    http: {http},
    title: {title:?},
}});\n"
        )
    }
}

/// The error codes of all packages, each once.
pub fn error_codes(pool: &DescriptorPool) -> Result<Vec<ErrorCode>, OptionError> {
    let mut codes = Vec::new();
    let mut reasons = HashSet::new();
    let enums = pool.all_enums().filter(|one| one.name().ends_with(ENUM));
    for value in enums.flat_map(|one| one.values().collect::<Vec<_>>()) {
        if value.number() == 0 {
            continue;
        }
        let error = |problem: &str| OptionError::new(value.full_name(), problem);
        let option = Extension::of(pool, &value.options(), "rowhouse.api.v1.error")
            .ok_or_else(|| error("declare what it means, with the option (rowhouse.api.v1.error)"))?;
        let (subject, problem) = value
            .name()
            .split_once(INFIX)
            .ok_or_else(|| error("begin the name with that of the enum, such as ERROR_CODE_"))?;
        let http = option.whole_number("http").and_then(|status| u16::try_from(status).ok());
        let code = ErrorCode {
            reason: format!("{subject}{problem}"),
            grpc: option.text("grpc").ok_or_else(|| error("declare its gRPC status code"))?,
            http: http
                .filter(|status| (400..600).contains(status))
                .ok_or_else(|| error("declare an HTTP status from 400 to 599"))?,
            title: option.text("title").ok_or_else(|| error("declare its title"))?,
            value,
        };
        if !reasons.insert(code.reason.clone()) {
            let problem = format!("another value declares {} as well: choose another name", code.reason);
            return Err(OptionError::new(code.value.full_name(), problem));
        }
        codes.push(code);
    }
    Ok(codes)
}
