//! Generates the functions that register the handlers and find the route of an address.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use rowhouse_api::OptionError;

use super::names;
use crate::Model;
use crate::model::Operation;

/// The operations of each address. A brace sorts after every letter, so literal segments are matched before parameters.
fn resources(model: &Model) -> BTreeMap<&str, Vec<&Operation>> {
    let mut resources = BTreeMap::<_, Vec<_>>::new();
    for operation in &model.operations {
        resources.entry(operation.http.path.as_str()).or_default().push(operation);
    }
    resources
}

pub(super) fn configure(model: &Model) -> TokenStream {
    let mut scopes = BTreeMap::<String, Vec<TokenStream>>::new();
    for (path, operations) in resources(model) {
        let routes = operations.into_iter().map(|operation| {
            let verb = format_ident!("{}", operation.http.verb.as_str());
            let handler = format_ident!("{}", operation.name);
            quote!(.route(web::#verb().to(#handler)))
        });
        let scope = scope(path);
        let rest = path.strip_prefix(&scope).unwrap_or(path);
        // A request with another method is not matched against a path that has a parameter in the same place.
        let resource = quote!(.service(web::resource(#rest) #(#routes)* .default_service(web::to(fallback))));
        scopes.entry(scope).or_default().push(resource);
    }
    let scopes = scopes.into_iter().map(|(scope, resources)| {
        quote!(config.service(web::scope(#scope) #(#resources)* .default_service(web::to(fallback)));)
    });
    quote! {
        /// Registers every operation of the definition.
        pub(crate) fn configure(config: &mut web::ServiceConfig) {
            #(#scopes)*
        }
    }
}

/// Returns the beginning of an address, such as `/v1/orders`, which is the same for a collection and what is in it. The router compares
/// it as a text, and addresses with parameters by a regular expression each, so these are tried only where they begin alike.
fn scope(path: &str) -> String {
    let literal = segments(path).take(2).take_while(|segment| !segment.starts_with('{'));
    literal.fold(String::new(), |scope, segment| scope + "/" + segment)
}

/// Generates the look-up of an address without the router, which compares it with one regular expression after the other.
pub(super) fn route(model: &Model) -> Result<TokenStream, OptionError> {
    let resources = resources(model);
    let longest = resources.keys().map(|path| segments(path).count()).max().unwrap_or_default();
    let arms = resources.iter().map(|(path, operations)| {
        let host = one_host(path, operations)?;
        let named = segments(path)
            .map(|segment| if segment.starts_with('{') { quote!(Some(_)) } else { quote!(Some(#segment)) });
        let ends = std::iter::repeat_n(quote!(None), longest + 1 - segments(path).count());
        let pattern = named.chain(ends);
        let service = names::ident(&host.to_upper_camel_case());
        let in_tenant = operations.iter().filter(|operation| operation.is_in_tenant());
        let in_tenant = in_tenant.map(|operation| operation.http.verb.as_str().to_ascii_uppercase());
        Ok(quote! {
            [#(#pattern),*] => Route { template: #path, service: ServiceName::#service, in_tenant: &[#(#in_tenant),*] }
        })
    });
    let arms = arms.collect::<Result<Vec<_>, OptionError>>()?;
    let each = std::iter::repeat_n(quote!(segments.next()), longest + 1);
    Ok(quote! {
        /// Returns the route of an address of the definition, for any method.
        pub(crate) fn route(path: &str) -> Option<Route> {
            if path.contains("//") || path.ends_with('/') {
                return None;
            }
            let mut segments = path.strip_prefix('/')?.split('/');
            let route = match [#(#each),*] {
                #(#arms,)*
                _ => return None,
            };
            Some(route)
        }
    })
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

/// Returns the service that has all operations of an address.
fn one_host<'a>(path: &str, operations: &[&'a Operation]) -> Result<&'a str, OptionError> {
    let mut hosts = operations.iter().map(|operation| (operation.host.as_str(), operation));
    let Some((host, _)) = hosts.next() else {
        return Err(OptionError::new(path, "no operation has this address"));
    };
    match hosts.find(|(other, _)| *other != host) {
        None => Ok(host),
        Some((other, operation)) => {
            let why = format!(
                "{path} is an address of {host} already, and this operation is of {other}: choose another"
            );
            Err(OptionError::new(operation.method.full_name(), why))
        }
    }
}
