//! [`Code`], an error code, and the codes that any call can end with. Each package declares its own in proto.

use std::fmt;

use tonic::Code as GrpcCode;

/// An error code, on which clients can act. Codes are part of the API and are never renamed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static Definition);

/// The declaration of an error code.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    /// The code in a problem document, such as `order_not_found`.
    pub name: &'static str,
    /// The `reason` of a google.rpc.ErrorInfo, such as `ORDER_NOT_FOUND`.
    pub reason: &'static str,
    /// The gRPC code.
    pub grpc: GrpcCode,
    /// The HTTP status.
    pub http: u16,
    /// The title of a problem document.
    pub title: &'static str,
}

impl Code {
    /// Creates a code. Generated code does, from the definition in proto.
    #[must_use]
    pub const fn new(definition: &'static Definition) -> Self {
        Self(definition)
    }

    /// Returns the code in a problem document, such as `order_not_found`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    /// Returns the `reason` of a google.rpc.ErrorInfo, such as `ORDER_NOT_FOUND`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.0.reason
    }

    /// Returns the gRPC code.
    #[must_use]
    pub const fn grpc(self) -> GrpcCode {
        self.0.grpc
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn http(self) -> u16 {
        self.0.http
    }

    /// Returns the title of a problem document, which is the same for every occurrence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.0.title
    }
}

include!(concat!(env!("OUT_DIR"), "/common.rs"));

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_as_it_is_declared() {
        assert_eq!(Code::ETAG_MISMATCH.as_str(), "etag_mismatch");
        assert_eq!(Code::ETAG_MISMATCH.reason(), "ETAG_MISMATCH");
        assert_eq!(Code::ETAG_MISMATCH.grpc(), GrpcCode::Aborted);
        assert_eq!(Code::ETAG_MISMATCH.http(), 412);
        assert_eq!(Code::ETAG_MISMATCH.title(), "The resource has changed since it was read");
        assert!(Code::COMMON.contains(&Code::ETAG_MISMATCH));
    }

    /// The constants can stand in patterns.
    #[test]
    fn a_code_is_told_from_another() {
        let unavailable = |code| matches!(code, Code::UNAVAILABLE | Code::DEADLINE_EXCEEDED);
        assert!(unavailable(Code::UNAVAILABLE) && !unavailable(Code::INTERNAL));
    }
}
