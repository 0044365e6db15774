//! Generates a handler for each operation.

use std::collections::BTreeSet;

use heck::ToUpperCamelCase;
use proc_macro2::TokenStream;
use prost_reflect::{FieldDescriptor, Kind};
use quote::{format_ident, quote};
use rowhouse_api::{Access, FieldOptions, OptionError, Verb};

use super::{names, requests};
use crate::Model;
use crate::comments::{comment, summary};
use crate::model::{Operation, Reply, Shape, is_id};

pub(super) fn all(model: &Model) -> Result<TokenStream, OptionError> {
    model.operations.iter().map(handler).collect()
}

fn handler(operation: &Operation) -> Result<TokenStream, OptionError> {
    let method = &operation.method;
    let name = format_ident!("{}", operation.name);
    let doc = format!(
        "`{} {}`: {}.",
        operation.http.verb.as_str().to_uppercase(),
        operation.http.path,
        summary(&comment(&method.parent_service().parent_file(), method.path())).0
    );
    let mut parameters = caller_parameters(operation);
    if operation.query.is_empty() {
        parameters.push(quote!(_: NoQuery));
    }
    if needs_request(operation) {
        parameters.push(quote!(request: HttpRequest));
    }
    parameters.push(quote!(clients: Clients));
    if let Some(field) = &operation.options.idempotency_key {
        let field = names::ident(field);
        parameters.push(quote!(IdempotencyKey(#field): IdempotencyKey));
    }
    if let Some(field) = &operation.options.if_match {
        let field = names::ident(field);
        parameters.push(quote!(IfMatch(#field): IfMatch));
    }
    let input = format_ident!("{}", method.input().name());
    if operation.http.has_body {
        parameters.push(quote!(Body(body): Body<#input>));
    }
    let read = read(operation)?;
    let message = message(operation)?;
    let call = call(operation);
    let reply = reply(operation)?;
    Ok(quote! {
        #[doc = #doc]
        pub(super) async fn #name(#(#parameters),*) -> Result<HttpResponse, Problem> {
            #read
            #message
            #call
            #reply
        }
    })
}

fn caller_parameters(operation: &Operation) -> Vec<TokenStream> {
    match &operation.options.access {
        Access::Public { .. } if operation.takes_token() => {
            vec![quote!(OptionalCaller(caller): OptionalCaller), quote!(origin: Origin)]
        }
        Access::Public { .. } | Access::Service(_) => vec![quote!(origin: Origin)],
        Access::Permission { .. } | Access::Person => vec![quote!(caller: Caller)],
        Access::Proof(_) => vec![quote!(viewer: Viewer)],
    }
}

/// Generates the code that reads path, query and body into variables of the fields' names.
fn read(operation: &Operation) -> Result<TokenStream, OptionError> {
    let path = operation.path.iter().map(|field| {
        let (name, text) = (names::ident(field.name()), field.name());
        quote!(let #name = path_value(&request, #text);)
    });
    let query = query(&operation.query)?;
    let access_token = operation.options.access_token.as_ref().map(|field| {
        let field = names::ident(field);
        quote!(let #field = caller.map(|caller| caller.token().to_owned());)
    });
    let body = if operation.http.has_body {
        let input = format_ident!("{}", operation.method.input().name());
        let fields = operation.body.iter().map(|field| names::ident(field.name()));
        let lists = operation.body.iter().filter(|field| refuses_empty(operation, field));
        let lists = lists.map(|field| {
            let (name, text) = (names::ident(field.name()), field.name());
            quote!(non_empty_list(#text, #name.as_deref())?;)
        });
        quote! {
            let #input { #(#fields),* } = body;
            #(#lists)*
        }
    } else {
        TokenStream::new()
    };
    Ok(quote!(#(#path)* #query #access_token #body))
}

/// Returns whether an empty list is refused: in a change, proto cannot distinguish it from an absent one.
fn refuses_empty(operation: &Operation, field: &FieldDescriptor) -> bool {
    let options = FieldOptions::of(field);
    operation.http.verb == Verb::Patch && field.is_list() && !options.required && options.min_items >= Some(1)
}

fn query(fields: &[FieldDescriptor]) -> Result<TokenStream, OptionError> {
    if fields.is_empty() {
        return Ok(TokenStream::new());
    }
    let texts: Vec<_> = fields.iter().map(FieldDescriptor::name).collect();
    let idents: Vec<_> = texts.iter().map(|name| names::ident(name)).collect();
    let readings = fields.iter().map(|field| {
        let (name, text) = (names::ident(field.name()), field.name());
        let options = FieldOptions::of(field);
        let reading = match Shape::of(field)? {
            Shape::Int32 => quote!(number(#text, #name)?),
            Shape::Enum(one) => {
                let one = format_ident!("{}", one.name());
                quote!(one_of::<#one>(#text, #name)?)
            }
            Shape::Text if options.min_length >= Some(1) || is_id(field) => quote!(filled(#text, #name)?),
            Shape::Text => quote!(#name.map(Into::into)),
            _ => {
                return Err(OptionError::new(
                    field.full_name(),
                    "a query parameter is a text, an int32 or an enum",
                ));
            }
        };
        Ok(quote!(let #name = #reading;))
    });
    let readings = readings.collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        let [#(#idents),*] = parameters(request.query_string(), [#(#texts),*])?;
        #(#readings)*
    })
}

/// Generates the request of the call with its metadata.
fn message(operation: &Operation) -> Result<TokenStream, OptionError> {
    let target = names::message(&operation.method.input());
    let special =
        [&operation.options.if_match, &operation.options.idempotency_key, &operation.options.access_token];
    let special = special.into_iter().flatten().map(|name| {
        let name = names::ident(name);
        Ok(quote!(#name))
    });
    let path = operation.path.iter().map(|field| {
        let name = names::ident(field.name());
        Ok(quote!(#name))
    });
    let query = operation.query.iter().map(|field| {
        let name = names::ident(field.name());
        Ok(match Shape::of(field)? {
            Shape::Enum(_) => quote!(#name: #name.map_or(0, i32::from)),
            _ if field.supports_presence() => quote!(#name),
            _ => quote!(#name: #name.unwrap_or_default()),
        })
    });
    let body = operation.body.iter().map(requests::value);
    let fields = path.chain(special).chain(query).chain(body).collect::<Result<Vec<_>, OptionError>>()?;
    Ok(quote!(let message = #target { #(#fields),* };))
}

fn call(operation: &Operation) -> TokenStream {
    let call = match &operation.options.access {
        Access::Public { optional_token: true } => {
            quote!(clients.of_optional(caller.as_ref(), &origin, message))
        }
        Access::Public { .. } | Access::Service(_) => quote!(clients.anonymous(&origin, message)),
        Access::Permission { .. } | Access::Person => quote!(clients.of(&caller, message)),
        Access::Proof(_) => quote!(clients.of_viewer(&viewer, message)),
    };
    // The condition under which a channel may send the call twice.
    let repeatable = match &operation.options.idempotency_key {
        Some(field) => {
            let field = names::ident(field);
            Some(quote!(message.#field.is_some()))
        }
        None => (operation.http.verb == Verb::Get).then(|| quote!(true)),
    };
    let (repeatable, call) = match repeatable {
        Some(repeatable) => (quote!(let repeatable = #repeatable;), quote!(repeatable_if(repeatable, #call))),
        None => (quote!(), call),
    };
    let (client, host) =
        (names::client(&operation.method), names::ident(&operation.host.to_upper_camel_case()));
    let method = format_ident!("{}", operation.name);
    let answer = if matches!(operation.reply, Reply::Nothing) { quote!() } else { quote!(let answer =) };
    quote! {
        #repeatable
        let mut client = #client::new(clients.channel(ServiceName::#host)).max_decoding_message_size(MAX_ANSWER);
        #answer clients.answer(client.#method(#call)).await?;
    }
}

/// Returns whether the handler needs the request besides what its extractors read.
fn needs_request(operation: &Operation) -> bool {
    !operation.path.is_empty() || !operation.query.is_empty() || operation.is_conditional()
}

/// Generates the answer from the response in `answer`.
fn reply(operation: &Operation) -> Result<TokenStream, OptionError> {
    let options = &operation.options;
    let success = status(operation, options.success)?;
    let status = if let (Some(pending), Some(field)) = (&options.pending, &options.pending_field) {
        let (field, pending) = (names::ident(field), status(operation, *pending)?);
        quote!(if answer.#field.is_empty() { #success } else { #pending })
    } else {
        success
    };
    let location = options.location.as_ref().map(|template| location(operation, template)).transpose()?;
    let etag = options.etag.as_ref().map(|path| {
        let value = value_at(operation, path)?;
        Ok::<_, OptionError>(if operation.is_conditional() {
            quote!(.etag_unless(&request, &#value))
        } else {
            quote!(.etag(&#value))
        })
    });
    let etag = etag.transpose()?;
    let (body, name) = match &operation.reply {
        Reply::Nothing => return Ok(quote!(Ok(Reply::new(#status).empty()))),
        Reply::Whole => (quote!(&answer), None),
        Reply::Field(field, _) => {
            let name = names::ident(field.name());
            (quote!(#name), Some(field.name()))
        }
    };
    let paths = [&options.etag, &options.location].into_iter().flatten();
    let referred = paths.filter_map(|path| path.rsplit('{').next()?.split_once('.')).map(|(first, _)| first);
    let given: BTreeSet<_> = referred.chain(name).collect();
    let given = given.into_iter().map(|name| {
        let (ident, path) = (names::ident(name), format!("{}.{name}", operation.method.output().name()));
        quote!(let #ident = required_message(#path, answer.#ident.as_ref())?;)
    });
    Ok(quote! {
        #(#given)*
        Reply::new(#status) #etag #location .json(#body)
    })
}

/// Returns the constant of an HTTP status of success.
fn status(operation: &Operation, status: u16) -> Result<TokenStream, OptionError> {
    Ok(match status {
        200 => quote!(StatusCode::OK),
        201 => quote!(StatusCode::CREATED),
        202 => quote!(StatusCode::ACCEPTED),
        204 => quote!(StatusCode::NO_CONTENT),
        _ => {
            let problem = format!("there is no code for the status {status}: use 200, 201, 202 or 204");
            return Err(OptionError::new(operation.method.full_name(), problem));
        }
    })
}

/// Generates the access to a text by a path such as `order.etag`, whose first name is a variable.
fn value_at(operation: &Operation, path: &str) -> Result<TokenStream, OptionError> {
    let error =
        || OptionError::new(operation.method.full_name(), format!("the response has no text at {path}"));
    let (first, second) = path.split_once('.').ok_or_else(error)?;
    let field = operation.method.output().get_field_by_name(first).ok_or_else(error)?;
    let Kind::Message(inner) = field.kind() else { return Err(error()) };
    if inner.get_field_by_name(second).is_none_or(|field| field.kind() != Kind::String) {
        return Err(error());
    }
    let (first, second) = (names::ident(first), names::ident(second));
    Ok(quote!(#first.#second))
}

fn location(operation: &Operation, template: &str) -> Result<TokenStream, OptionError> {
    let error =
        || OptionError::new(operation.method.full_name(), "location has one field in braces, at its end");
    let (prefix, path) = template.split_once('{').ok_or_else(error)?;
    let path = path.strip_suffix('}').ok_or_else(error)?;
    let value = value_at(operation, path)?;
    Ok(quote!(.location(#prefix, &#value)))
}
