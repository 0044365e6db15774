//! Generates the function that registers the handlers.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::Model;
use crate::model::Operation;

pub(super) fn configure(model: &Model) -> TokenStream {
    let mut resources = BTreeMap::<String, Vec<&Operation>>::new();
    for operation in &model.operations {
        // A brace sorts after every letter, so literal segments are matched before parameters.
        resources.entry(operation.http.path.clone()).or_default().push(operation);
    }
    let resources = resources.iter().map(|(path, operations)| {
        let routes = operations.iter().map(|operation| {
            let verb = format_ident!("{}", operation.http.verb.as_str());
            let handler = format_ident!("{}", operation.name);
            quote!(.route(web::#verb().to(#handler)))
        });
        // A request with another method is not matched against a path that has a parameter in the same place.
        quote!(config.service(web::resource(#path) #(#routes)* .default_service(web::to(fallback)));)
    });
    quote! {
        /// Registers every operation of the definition.
        pub(crate) fn configure(config: &mut web::ServiceConfig) {
            #(#resources)*
        }
    }
}
