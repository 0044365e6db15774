//! The Rust names that prost and tonic generate from a definition.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, TokenStream};
use prost_reflect::{EnumDescriptor, MessageDescriptor, MethodDescriptor};
use quote::{format_ident, quote};

/// Returns an identifier, raw if it is a keyword such as `type`.
pub(super) fn ident(name: &str) -> Ident {
    syn::parse_str(name).unwrap_or_else(|_keyword| format_ident!("r#{name}"))
}

/// Returns the path of a package's module.
pub(super) fn module(package: &str) -> TokenStream {
    let parts = package.split('.').map(ident);
    quote!(rowhouse_proto #(::#parts)*)
}

/// Returns the path of a message's struct.
pub(super) fn message(message: &MessageDescriptor) -> TokenStream {
    let (module, name) = (module(message.package_name()), ident(&message.name().to_upper_camel_case()));
    quote!(#module::#name)
}

/// Returns the path of the Rust enum of an enum.
pub(super) fn enumeration(one: &EnumDescriptor) -> TokenStream {
    let (module, name) = (module(one.package_name()), ident(&one.name().to_upper_camel_case()));
    quote!(#module::#name)
}

/// Returns the path of the client of a method's service.
pub(super) fn client(method: &MethodDescriptor) -> TokenStream {
    let service = method.parent_service();
    let module = module(service.package_name());
    let file = format_ident!("{}_client", service.name().to_snake_case());
    let client = format_ident!("{}Client", service.name().to_upper_camel_case());
    quote!(#module::#file::#client)
}

/// Returns the name of the function that names the values of an enum.
pub(super) fn namer(one: &EnumDescriptor) -> Ident {
    format_ident!("name_of_{}", one.name().to_snake_case())
}
