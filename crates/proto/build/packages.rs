//! The modules of the packages, with the error codes and permissions that each declares.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToShoutySnakeCase, ToUpperCamelCase};
use prost_reflect::DescriptorPool;
use rowhouse_api::{ErrorCode, OptionError, Permission, error_codes, permissions};

/// The beginnings of packages that only describe others.
const DESCRIBING: [&str; 2] = ["google.", "rowhouse."];
/// The package of the error codes that any call can end with, which are constants of `Code`.
const COMMON: &str = "rowhouse.api.v1";

const ATTRIBUTES: &str = r#"#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::as_conversions,
    rustdoc::bare_urls,
    reason = "generated code; its documentation is the comments of the .proto file"
)]"#;

/// The code of a module, and the modules in it.
#[derive(Default)]
struct Module {
    code: String,
    inner: BTreeMap<String, Module>,
}

impl Module {
    fn of_package(&mut self, package: &str) -> &mut Self {
        package.split('.').fold(self, |module, name| module.inner.entry(name.to_owned()).or_default())
    }

    fn write(&self, path: &str) -> String {
        let mut code = self.code.clone();
        for (name, module) in &self.inner {
            // The modules in a module inherit its attributes.
            let attributes = if path.is_empty() { ATTRIBUTES } else { "" };
            let path = format!("{path}{name}");
            let inner = module.write(&format!("{path}."));
            code.push_str(&format!("/// `{path}` of the API.\n{attributes}\npub mod {name} {{\n{inner}}}\n"));
        }
        code
    }
}

/// Returns a module for each package, and the lists of all error codes and permissions.
pub(crate) fn code(pool: &DescriptorPool) -> Result<String, OptionError> {
    let (codes, permissions) = (error_codes(pool)?, permissions(pool)?);
    let packages: BTreeSet<_> = pool.files().map(|file| file.package_name().to_owned()).collect();
    let packages =
        packages.iter().filter(|one| DESCRIBING.iter().all(|describing| !one.starts_with(describing)));

    let mut root = Module::default();
    let common = codes.iter().filter(|code| code.value.parent_enum().package_name() == COMMON);
    let mut code_paths: Vec<_> =
        common.map(|code| format!("::rowhouse_errors::Code::{}", code.reason)).collect();
    let mut permission_paths = Vec::new();
    for package in packages {
        let codes = codes.iter().filter(|code| code.value.parent_enum().package_name() == package);
        let codes: Vec<_> = codes.collect();
        let permissions = permissions.iter().filter(|one| one.service.package_name() == package);
        let permissions: Vec<_> = permissions.collect();
        let module = package.replace('.', "::");
        code_paths.extend(codes.iter().map(|code| format!("{module}::error_code::{}", code.reason)));
        permission_paths
            .extend(permissions.iter().map(|one| format!("{module}::permission::{}", constant(one))));
        root.of_package(package).code = format!(
            "include!(concat!(env!(\"OUT_DIR\"), \"/{package}.rs\"));\n{}{}",
            error_codes_of(&codes),
            permissions_of(&permissions)
        );
    }
    Ok(format!(
        "{}
/// The error codes of all packages, with those that any call can end with.
pub const ERROR_CODES: &[::rowhouse_errors::Code] = &[{}];
/// The permissions of all packages.
pub const PERMISSIONS: &[::rowhouse_tokens::Permission] = &[{}];
",
        root.write(""),
        code_paths.join(", "),
        permission_paths.join(", ")
    ))
}

/// Returns a constant for each error code.
fn error_codes_of(codes: &[&ErrorCode]) -> String {
    if codes.is_empty() {
        return String::new();
    }
    let constants: String = codes.iter().map(|code| code.constant()).collect();
    format!(
        "/// The error codes of the package.\npub mod error_code {{\nuse ::rowhouse_errors::{{Code, Definition}};\n{constants}}}\n"
    )
}

/// Returns a constant for each permission.
fn permissions_of(permissions: &[&Permission]) -> String {
    if permissions.is_empty() {
        return String::new();
    }
    let constants = permissions.iter().map(|permission| {
        let Permission { name, title, lowest_role, .. } = permission;
        let (constant, role) = (constant(permission), lowest_role.to_upper_camel_case());
        format!("/// {title}.\npub const {constant}: Permission = Permission::new({name:?}, {title:?}, Role::{role});\n")
    });
    let constants: String = constants.collect();
    format!(
        "/// The permissions of the package's services.\npub mod permission {{\nuse ::rowhouse_tokens::{{Permission, Role}};\n{constants}}}\n"
    )
}

/// Returns the name of a permission's constant, such as `ORDERS_READ`.
fn constant(permission: &Permission) -> String {
    permission.name.to_shouty_snake_case()
}
