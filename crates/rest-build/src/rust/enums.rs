//! Generates the conversion of enums from and to their names in JSON.

use heck::ToUpperCamelCase;
use proc_macro2::TokenStream;
use prost_reflect::EnumDescriptor;
use quote::{format_ident, quote};

use super::names;
use crate::Model;
use crate::model::enum_values;

pub(super) fn all(model: &Model) -> TokenStream {
    model.enums.values().map(enumeration).collect()
}

fn enumeration(one: &EnumDescriptor) -> TokenStream {
    let (target, namer) = (names::enumeration(one), names::namer(one));
    let name = format_ident!("{}", one.name());
    let values = enum_values(one);
    let texts: Vec<_> = values.iter().map(|(text, _)| text).collect();
    let numbers = values.iter().map(|(_, value)| value.number());
    let variants = texts.iter().map(|text| names::ident(&text.to_upper_camel_case()));
    let doc = format!("A value of `{}`, by its number.", one.full_name());
    let doc_of_namer = format!(
        "The name in JSON of a value of `{}`; none for what is unspecified or unknown.",
        one.full_name()
    );
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy)]
        pub(super) struct #name(i32);

        impl Named for #name {
            const NAMES: &'static [(&'static str, i32)] = &[#((#texts, #numbers)),*];

            fn of(number: i32) -> Self {
                Self(number)
            }
        }

        impl<'de> Deserialize<'de> for #name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                named(deserializer)
            }
        }

        impl From<#name> for i32 {
            fn from(value: #name) -> Self {
                value.0
            }
        }

        #[doc = #doc_of_namer]
        fn #namer(number: i32) -> Option<&'static str> {
            match #target::try_from(number).ok()? {
                #(#target::#variants => Some(#texts),)*
                #target::Unspecified => None,
            }
        }
    }
}
