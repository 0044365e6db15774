//! Error codes and permissions that are declared in proto, as constants in Rust.

use std::collections::HashSet;

use rowhouse_errors::Code;
use rowhouse_tokens::Role;
use tonic::Code as GrpcCode;

use crate::{ERROR_CODES, PERMISSIONS, jobs, orders};

#[test]
fn error_codes_are_unique_and_the_reason_is_the_name_in_capitals() {
    let names: HashSet<_> = ERROR_CODES.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ERROR_CODES.len());
    for code in ERROR_CODES {
        assert_eq!(code.reason(), code.as_str().to_ascii_uppercase());
    }
    assert!(Code::COMMON.iter().all(|code| ERROR_CODES.contains(code)));
    assert!(ERROR_CODES.len() > Code::COMMON.len() + 20, "{}", ERROR_CODES.len());
}

#[test]
fn http_and_grpc_agree_on_whose_fault_it_is() {
    for code in ERROR_CODES {
        // An overloaded service is not UNAVAILABLE, since clients repeat such calls at once, and it has too many.
        let ours =
            matches!(code.grpc(), GrpcCode::Internal | GrpcCode::Unavailable | GrpcCode::DeadlineExceeded)
                || *code == Code::OVERLOADED;
        assert_eq!(code.http() >= 500, ours, "{code}");
        assert!((400..=504).contains(&code.http()), "{code}");
        assert_eq!(code.http() == 404, code.grpc() == GrpcCode::NotFound, "{code}");
        assert_eq!(code.http() == 401, code.grpc() == GrpcCode::Unauthenticated, "{code}");
    }
}

#[test]
fn an_error_code_is_as_its_package_declares_it() {
    let missing = orders::v1::error_code::ORDER_NOT_FOUND;
    assert_eq!((missing.as_str(), missing.reason()), ("order_not_found", "ORDER_NOT_FOUND"));
    assert_eq!((missing.grpc(), missing.http()), (GrpcCode::NotFound, 404));
    assert_eq!(missing.title(), "There is no such order");
    assert!(ERROR_CODES.contains(&missing) && !Code::COMMON.contains(&missing));
    assert_ne!(missing, jobs::v1::error_code::JOB_NOT_FOUND);
}

#[test]
fn permissions_are_unique_and_belong_to_their_lowest_role_and_those_above() {
    let names: HashSet<_> = PERMISSIONS.iter().map(|permission| permission.as_str()).collect();
    assert_eq!(names.len(), PERMISSIONS.len());
    let write = orders::v1::permission::ORDERS_WRITE;
    assert!(PERMISSIONS.contains(&write) && PERMISSIONS.contains(&jobs::v1::permission::JOBS_MANAGE));
    assert_eq!((write.as_str(), write.title()), ("orders:write", "Place and change orders"));
    let may = [Role::Viewer, Role::Member, Role::Admin, Role::Owner].map(|role| role.may(write));
    assert_eq!(may, [false, true, true, true]);
}

/// These rows matter most.
#[test]
fn a_role_has_not_what_is_above_it() {
    use crate::auth::v1::permission::{AUDIT_LOG_READ, MEMBERS_WRITE};
    use crate::orders::v1::permission::ORDERS_READ;

    assert!(!Role::Member.may(MEMBERS_WRITE) && !Role::Member.may(AUDIT_LOG_READ));
    assert!(Role::Viewer.may(ORDERS_READ));
}
