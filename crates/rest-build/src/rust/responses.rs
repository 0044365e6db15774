//! Generates the JSON members of each message in an answer.

use proc_macro2::TokenStream;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use quote::quote;
use rowhouse_api::{Absent, FieldOptions, OptionError};

use super::names;
use crate::Model;
use crate::model::Shape;

pub(super) fn all(model: &Model) -> Result<TokenStream, OptionError> {
    model.outputs.values().map(members).collect()
}

fn members(message: &MessageDescriptor) -> Result<TokenStream, OptionError> {
    let target = names::message(message);
    let entries = message.fields().map(|field| entry(message, &field)).collect::<Result<Vec<_>, _>>()?;
    let (map, body) = if message.fields().len() == 0 {
        (quote!(_: &mut M), quote!(Ok(())))
    } else {
        (quote!(map: &mut M), quote!(#(#entries)* Ok(())))
    };
    Ok(quote! {
        impl Members for #target {
            fn write<M: SerializeMap>(&self, #map) -> Result<(), M::Error> {
                #body
            }
        }
    })
}

fn entry(message: &MessageDescriptor, field: &FieldDescriptor) -> Result<TokenStream, OptionError> {
    let options = FieldOptions::of(field);
    if options.grpc_only {
        return Ok(TokenStream::new());
    }
    let name = field.name();
    let ident = names::ident(name);
    let path = format!("{}.{name}", message.name());
    let shape = Shape::of(field)?;
    if options.inline {
        return match shape {
            Shape::Message(_) if !field.is_list() => {
                Ok(quote!(required_field(#path, self.#ident.as_ref())?.write(map)?;))
            }
            _ => Err(OptionError::new(field.full_name(), "only one message can stand inline")),
        };
    }
    if field.is_list() || field.is_map() {
        let value = match shape {
            Shape::Text | Shape::Map => quote!(&self.#ident),
            Shape::Message(_) => quote!(&List(&self.#ident)),
            _ => return Err(OptionError::new(field.full_name(), "there is no JSON for a list of these")),
        };
        return Ok(quote!(map.serialize_entry(#name, #value)?;));
    }
    // Always there, or an Option.
    let presence = field.supports_presence();
    let optional = match &shape {
        Shape::Text if presence => quote!(self.#ident.as_ref()),
        Shape::Text => quote!(non_empty(&self.#ident)),
        Shape::Flag | Shape::Int32 | Shape::Int64 if presence => quote!(self.#ident),
        Shape::Int32 | Shape::Int64 => quote!((self.#ident != 0).then_some(self.#ident)),
        Shape::Flag => quote!(Some(self.#ident)),
        Shape::Time => quote!(self.#ident.as_ref().map(WrittenTime)),
        Shape::Enum(one) => {
            let namer = names::namer(one);
            quote!(#namer(self.#ident))
        }
        Shape::Message(_) => quote!(self.#ident.as_ref().map(Json)),
        Shape::Map => return Err(OptionError::new(field.full_name(), "a map is always there")),
    };
    let plain = !presence && matches!(shape, Shape::Text | Shape::Flag | Shape::Int32 | Shape::Int64);
    Ok(match options.absent {
        Absent::Never if plain => quote!(map.serialize_entry(#name, &self.#ident)?;),
        Absent::Never => quote!(map.serialize_entry(#name, &required_field(#path, #optional)?)?;),
        Absent::Null => quote!(map.serialize_entry(#name, &#optional)?;),
        Absent::Omitted => quote! {
            if let Some(value) = #optional {
                map.serialize_entry(#name, &value)?;
            }
        },
    })
}
