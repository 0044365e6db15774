//! The rules of a definition, and what they let through.

use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use rowhouse_tenancy::{SystemOrigin, TenantId};

use super::*;

const READ: &str = "/orders.v1.OrderService/GetOrder";
const ORDERS_READ: Permission = Permission::new("orders:read", "Read orders", Role::Viewer);

fn rules(rule: Rule) -> AccessRules {
    AccessRules::from_iter([(READ.to_owned(), rule)])
}

#[test]
fn without_a_token_only_what_is_public_is_called() {
    let permission = Rule::Permission { permission: ORDERS_READ, person_only: false };
    for rule in [permission, Rule::Person, Rule::Service(ServiceName::Onboarding)] {
        assert_eq!(rules(rule).check(READ, None), Err(Denied::Unauthenticated));
        assert!(!rules(rule).is_public(READ));
    }
    assert_eq!(rules(Rule::Public).check(READ, None), Ok(()));
    assert!(
        rules(Rule::Public).is_public(READ) && !rules(Rule::Public).is_public("/orders.v1.OrderService/Get")
    );
}

#[test]
fn the_system_itself_is_no_caller() {
    let system = TenantContext::system(SystemOrigin::Job, TenantId::generate());
    let permission = Rule::Permission { permission: ORDERS_READ, person_only: false };
    for (rule, denied) in [
        (permission, Denied::MembersOnly),
        (Rule::Person, Denied::PeopleOnly),
        (Rule::Service(ServiceName::Onboarding), Denied::ServiceOnly(ServiceName::Onboarding)),
    ] {
        assert_eq!(rules(rule).check(READ, Some(&system)), Err(denied));
    }
}

#[test]
fn a_served_service_without_rules_is_refused() {
    let rules = rules(Rule::Person);
    assert_eq!(rules.cover(&["orders.v1.OrderService"]), Ok(()));
    for unknown in ["orders.v1.Order", "orders.v1.NoteService"] {
        assert_eq!(rules.cover(&["orders.v1.OrderService", unknown]), Err(WithoutRules(unknown)));
    }
}

#[test]
fn without_a_rule_no_method_is_called() {
    let system = TenantContext::system(SystemOrigin::Job, TenantId::generate());
    for path in
        ["/orders.v1.OrderService/Get", "/orders.v1.OrderService/", "/notes.v1.NoteService/GetOrder", ""]
    {
        for cx in [None, Some(&system)] {
            assert_eq!(rules(Rule::Public).check(path, cx), Err(Denied::NoRule), "{path}");
        }
    }
}

#[test]
fn callers_are_the_services_that_methods_are_for() {
    assert_eq!(rules(Rule::Service(ServiceName::Onboarding)).callers(), ["rowhouse-onboarding"]);
    assert!(rules(Rule::Person).callers().is_empty());
}

#[test]
fn descriptors_that_cannot_be_read_are_refused() {
    assert!(matches!(AccessRules::of(&[0xff], &[]), Err(UnknownRule::Descriptors(_))));
}

/// A service with a permission of its own.
const NOTES: &str = r#"
    syntax = "proto3";
    package notes.v1;
    import "rowhouse/api/v1/options.proto";
    service NoteService {
      option (rowhouse.api.v1.service) = {
        tag: "notes"
        permissions: [{name: "notes:read" title: "Read notes" lowest_role: "member"}]
      };
      rpc GetNote(GetNoteRequest) returns (GetNoteRequest) {
        option (rowhouse.api.v1.method) = {permission: "notes:read"};
      }
    }
    message GetNoteRequest {}
"#;

struct Notes(String);

impl FileResolver for Notes {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == "notes.proto" {
            File::from_source(name, &self.0)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

fn rules_of(definition: String) -> Result<AccessRules, UnknownRule> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Notes(definition));
    resolver.add(IncludeFileResolver::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto").into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("notes.proto").unwrap();
    AccessRules::of(&compiler.encode_file_descriptor_set(), &["notes.v1"])
}

#[test]
fn a_permission_is_what_its_service_declares() {
    let rules = rules_of(NOTES.to_owned()).unwrap();
    let permission = Permission::new("notes:read", "Read notes", Role::Member);
    let declared = rules.0.get("/notes.v1.NoteService/GetNote");
    assert_eq!(declared, Some(&Rule::Permission { permission, person_only: false }));
}

#[test]
fn a_permission_that_no_service_declares_is_refused() {
    for (right, wrong, expected) in [
        (
            "{permission: \"notes:read\"}",
            "{permission: \"notes:write\"}",
            "no service declares the permission notes:write",
        ),
        (
            "\"member\"",
            "\"guest\"",
            "the permission notes:read: a role is one of owner, admin, member, viewer",
        ),
        (
            "permissions: [{",
            "permissions: [{name: \"notes:read\" title: \"Read\" lowest_role: \"viewer\"}, {",
            "the permission notes:read is declared twice",
        ),
    ] {
        assert!(NOTES.contains(right), "{right}");
        let error = rules_of(NOTES.replace(right, wrong)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Returns the reason why [`NOTES`] with another option for its method has no rules.
fn refused(option: &str) -> UnknownRule {
    let declared = "option (rowhouse.api.v1.method) = {permission: \"notes:read\"};";
    assert!(NOTES.contains(declared));
    rules_of(NOTES.replace(declared, option)).unwrap_err()
}

#[test]
fn a_method_that_declares_nothing_is_refused() {
    for option in ["", "option deprecated = true;", "option (rowhouse.api.v1.method) = {};"] {
        let error = refused(option);
        assert!(matches!(error, UnknownRule::Option(_)), "{option}: {error}");
        let error = error.to_string();
        assert!(
            error.starts_with("notes.v1.NoteService.GetNote: declare who may call it"),
            "{option}: {error}"
        );
    }
}

/// One method with a rule does not stand for the others of its service.
#[test]
fn one_of_two_methods_that_declares_nothing_is_refused() {
    let second = "rpc ListNotes(GetNoteRequest) returns (GetNoteRequest);\n rpc GetNote(";
    let error = rules_of(NOTES.replace("rpc GetNote(", second)).unwrap_err().to_string();
    assert!(error.starts_with("notes.v1.NoteService.ListNotes: declare who may call it"), "{error}");
}

#[test]
fn an_unknown_proof_or_service_is_refused() {
    const PATH: &str = "/notes.v1.NoteService/GetNote";
    match refused("option (rowhouse.api.v1.method) = {proof: \"a smile\"};") {
        UnknownRule::Proof { method, proof } => assert_eq!((&*method, &*proof), (PATH, "a smile")),
        other => panic!("{other}"),
    }
    match refused("option (rowhouse.api.v1.method) = {service: \"stranger\"};") {
        UnknownRule::Service { method, service } => assert_eq!((&*method, &*service), (PATH, "stranger")),
        other => panic!("{other}"),
    }
}
