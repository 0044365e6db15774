//! The generated Rust.

mod enums;
mod handlers;
mod names;
mod requests;
mod responses;
mod routes;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{Error, Model};

/// Generates the whole file, formatted.
pub(crate) fn file(model: &Model) -> Result<String, Error> {
    let enums = enums::all(model);
    let requests = requests::all(model)?;
    let responses = responses::all(model)?;
    let handlers = handlers::all(model)?;
    let routes = routes::configure(model);
    let route = routes::route(model)?;
    let tokens: TokenStream = quote! {
        use actix_web::http::StatusCode;
        use actix_web::{HttpRequest, HttpResponse, web};
        use serde::{Deserialize, Deserializer};
        use serde::ser::SerializeMap;

        use crate::rest::*;

        #routes
        #route
        #handlers
        #requests
        #responses
        #enums
    };
    Ok(prettyplease::unparse(&syn::parse2(tokens)?))
}
