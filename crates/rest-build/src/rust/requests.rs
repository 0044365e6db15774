//! Generates a struct for each body, and for each message in one, that is read from JSON.

use proc_macro2::TokenStream;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use quote::{format_ident, quote};
use rowhouse_api::{FieldOptions, OptionError};

use super::names;
use crate::Model;
use crate::model::{Operation, Shape};

pub(super) fn all(model: &Model) -> Result<TokenStream, OptionError> {
    let bodies = model.operations.iter().filter(|one| one.http.has_body).map(body);
    let bodies = bodies.collect::<Result<TokenStream, _>>()?;
    let of_bodies = |message: &MessageDescriptor| {
        model.operations.iter().any(|one| one.http.has_body && one.method.input() == *message)
    };
    let nested = model.inputs.values().filter(|message| !of_bodies(message)).map(nested);
    let nested = nested.collect::<Result<TokenStream, _>>()?;
    Ok(quote!(#bodies #nested))
}

fn body(operation: &Operation) -> Result<TokenStream, OptionError> {
    structure(&operation.method.input(), &operation.body, operation.takes_null())
}

fn nested(message: &MessageDescriptor) -> Result<TokenStream, OptionError> {
    let fields: Vec<_> = message.fields().collect();
    let structure = structure(message, &fields, true)?;
    let (name, target) = (format_ident!("{}", message.name()), names::message(message));
    let idents: Vec<_> = fields.iter().map(|field| names::ident(field.name())).collect();
    let values = fields.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        #structure

        impl From<#name> for #target {
            fn from(#name { #(#idents),* }: #name) -> Self {
                Self { #(#values),* }
            }
        }
    })
}

fn structure(
    message: &MessageDescriptor,
    fields: &[FieldDescriptor],
    takes_null: bool,
) -> Result<TokenStream, OptionError> {
    let name = format_ident!("{}", message.name());
    let doc = format!("`{}` as JSON has it.", message.full_name());
    let members = fields.iter().map(|field| member(field, takes_null)).collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        #[doc = #doc]
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct #name { #(#members),* }
    })
}

fn member(field: &FieldDescriptor, takes_null: bool) -> Result<TokenStream, OptionError> {
    let name = names::ident(field.name());
    let single = match Shape::of(field)? {
        Shape::Text => quote!(String),
        Shape::Flag => quote!(bool),
        Shape::Int32 => quote!(WholeNumber<i32>),
        Shape::Int64 => quote!(WholeNumber<i64>),
        Shape::Time => quote!(Time),
        Shape::Enum(one) => {
            let name = format_ident!("{}", one.name());
            quote!(#name)
        }
        Shape::Message(message) => {
            let name = format_ident!("{}", message.name());
            quote!(Object<#name>)
        }
        Shape::Map => return Err(OptionError::new(field.full_name(), "a map in a request is not supported")),
    };
    let whole = if field.is_list() { quote!(Vec<#single>) } else { single };
    Ok(if FieldOptions::of(field).required {
        quote!(#name: #whole)
    } else if takes_null {
        quote!(#name: Option<#whole>)
    } else {
        quote!(#[serde(default, deserialize_with = "present")] #name: Option<#whole>)
    })
}

/// Generates the value of a field from the variable of its name, which has the value from JSON.
pub(super) fn value(field: &FieldDescriptor) -> Result<TokenStream, OptionError> {
    let name = names::ident(field.name());
    let required = FieldOptions::of(field).required;
    // The conversion of one value, and whether it can be left out.
    let (convert, as_it_is) = match Shape::of(field)? {
        Shape::Text | Shape::Flag | Shape::Map => (quote!(std::convert::identity), true),
        Shape::Int32 | Shape::Int64 | Shape::Time | Shape::Message(_) => (quote!(Read::read), false),
        Shape::Enum(_) => (quote!(i32::from), false),
    };
    let presence = field.supports_presence() && !field.is_list();
    let value = match (field.is_list(), required) {
        // The variable itself.
        (true, true) if as_it_is => return Ok(quote!(#name)),
        (true, true) => quote!(#name.into_iter().map(#convert).collect()),
        (true, false) if as_it_is => quote!(#name.unwrap_or_default()),
        (true, false) => quote!(#name.unwrap_or_default().into_iter().map(#convert).collect()),
        (false, true) if as_it_is && presence => quote!(Some(#name)),
        (false, true) if as_it_is => return Ok(quote!(#name)),
        (false, true) if presence => quote!(Some(#convert(#name))),
        (false, true) => quote!(#convert(#name)),
        (false, false) if as_it_is && presence => return Ok(quote!(#name)),
        (false, false) if as_it_is => quote!(#name.unwrap_or_default()),
        (false, false) if presence => quote!(#name.map(#convert)),
        (false, false) => quote!(#name.map(#convert).unwrap_or_default()),
    };
    Ok(quote!(#name: #value))
}
