//! What is declared in proto, and how it is seen in Rust.

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
        let ours = matches!(
            code.grpc(),
            GrpcCode::Internal | GrpcCode::Unavailable | GrpcCode::DeadlineExceeded
        );
        assert_eq!(code.http() >= 500, ours, "{code}");
        assert!((400..=504).contains(&code.http()), "{code}");
        assert_eq!(code.http() == 404, code.grpc() == GrpcCode::NotFound, "{code}");
        assert_eq!(code.http() == 401, code.grpc() == GrpcCode::Unauthenticated, "{code}");
    }
}

#[test]
fn a_value_is_the_code_that_it_declares() {
    let missing = Code::from(orders::v1::ErrorCode::OrderNotFound);
    assert_eq!(missing, orders::v1::ErrorCode::OrderNotFound);
    assert_ne!(missing, jobs::v1::ErrorCode::JobNotFound);
    assert_eq!((missing.as_str(), missing.http()), ("order_not_found", 404));
    assert!(ERROR_CODES.contains(&missing));
    assert_eq!(Code::from(orders::v1::ErrorCode::Unspecified), Code::INTERNAL);
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
