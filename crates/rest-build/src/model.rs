//! [`Model`], the operations of an API definition that have a REST binding.

use std::collections::{BTreeMap, HashMap};

use heck::ToSnakeCase;
use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};
use rowhouse_api::{
    Access, ErrorCode, HttpBinding, MethodOptions, OptionError, ServiceOptions, Verb, error_codes,
};

/// The full name of the message that is a time.
const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// Returns the name of the deployed service that serves a package, such as `orders` for `orders.v1`.
pub type Hosts<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// The operations, and the messages and enums that their JSON is made of.
pub struct Model {
    pub(crate) operations: Vec<Operation>,
    /// The messages of requests, by their names, which are unique.
    pub(crate) inputs: BTreeMap<String, MessageDescriptor>,
    pub(crate) outputs: BTreeMap<String, MessageDescriptor>,
    pub(crate) enums: BTreeMap<String, EnumDescriptor>,
    pub(crate) services: Vec<(ServiceDescriptor, ServiceOptions)>,
    pub(crate) codes: Vec<ErrorCode>,
}

/// A method with a REST binding.
pub(crate) struct Operation {
    /// The unique name in snake case, such as `create_order`.
    pub(crate) name: String,
    pub(crate) method: MethodDescriptor,
    pub(crate) service: ServiceOptions,
    /// The name of the deployed service that serves it, such as `orders`.
    pub(crate) host: String,
    pub(crate) options: MethodOptions,
    pub(crate) http: HttpBinding,
    pub(crate) path: Vec<FieldDescriptor>,
    /// The fields that are query parameters.
    pub(crate) query: Vec<FieldDescriptor>,
    /// The fields that are members of the body.
    pub(crate) body: Vec<FieldDescriptor>,
    pub(crate) reply: Reply,
}

/// The body of an operation's answer.
pub(crate) enum Reply {
    /// There is no body.
    Nothing,
    /// The response.
    Whole,
    /// A field of the response, which is a message.
    Field(FieldDescriptor, MessageDescriptor),
}

impl Operation {
    fn of(
        method: MethodDescriptor,
        service: &ServiceOptions,
        host: &str,
        options: MethodOptions,
        http: HttpBinding,
    ) -> Result<Self, OptionError> {
        let error = |problem: String| OptionError::new(method.full_name(), problem);
        let (input, output) = (method.input(), method.output());
        let field = |name: &String| {
            input.get_field_by_name(name).ok_or_else(|| error(format!("the request has no field {name}")))
        };
        let path = http.path_fields().iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let special = [&options.if_match, &options.idempotency_key, &options.access_token];
        let special = special.into_iter().flatten().map(field).collect::<Result<Vec<_>, _>>()?;
        let rest = input.fields().filter(|one| !path.contains(one) && !special.contains(one));
        let (body, query) =
            if http.has_body { (rest.collect(), Vec::new()) } else { (Vec::new(), rest.collect()) };
        let reply = match &http.response_body {
            Some(name) => {
                let field = output.get_field_by_name(name);
                let field = field.ok_or_else(|| error(format!("the response has no field {name}")))?;
                let Kind::Message(message) = field.kind() else {
                    return Err(error(format!("response_body: {name} is no message")));
                };
                Reply::Field(field, message)
            }
            None if options.success == 204 => Reply::Nothing,
            None => Reply::Whole,
        };
        let name = method.name().to_snake_case();
        let (service, host) = (service.clone(), host.to_owned());
        Ok(Self { name, method, service, host, options, http, path, query, body, reply })
    }

    /// Returns whether a call with an access token is made in the token's tenant.
    pub(crate) fn is_in_tenant(&self) -> bool {
        self.takes_token() && !matches!(self.options.access, Access::Service(_))
    }

    /// Returns whether an access token can be sent.
    pub(crate) fn takes_token(&self) -> bool {
        self.options.access != (Access::Public { optional_token: false })
            || self.options.access_token.is_some()
    }

    /// Returns whether the answer depends on If-None-Match.
    pub(crate) fn is_conditional(&self) -> bool {
        self.options.etag.is_some() && self.http.verb == Verb::Get
    }

    /// Returns whether null is accepted for an absent member of the body. It is not in a change, which cannot remove a field.
    pub(crate) fn takes_null(&self) -> bool {
        self.http.verb != Verb::Patch
    }
}

impl Model {
    /// Returns the REST operations of the services of `pool`.
    pub fn of(pool: &DescriptorPool, hosts: Hosts<'_>) -> Result<Self, OptionError> {
        let mut model = Self {
            operations: Vec::new(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            enums: BTreeMap::new(),
            services: Vec::new(),
            codes: error_codes(pool)?,
        };
        let mut names = HashMap::new();
        for service in pool.services() {
            let of_service = ServiceOptions::of(&service)?;
            let host = hosts(service.package_name()).ok_or_else(|| {
                OptionError::new(service.full_name(), "no deployed service serves its package")
            })?;
            for method in service.methods() {
                let options = MethodOptions::of(&method)?;
                model.check_errors(&method, &options)?;
                let Some(http) = options.http.clone() else { continue };
                let operation = Operation::of(method, &of_service, host, options, http)?;
                let full_name = operation.method.full_name().to_owned();
                if let Some(other) = names.insert(operation.name.clone(), full_name.clone()) {
                    return Err(OptionError::new(
                        full_name,
                        format!("{other} has the same name: choose another"),
                    ));
                }
                model.add_operation(operation)?;
            }
            model.services.push((service, of_service));
        }
        Ok(model)
    }

    fn check_errors(&self, method: &MethodDescriptor, options: &MethodOptions) -> Result<(), OptionError> {
        let unknown = options.errors.iter().find(|name| self.codes.iter().all(|code| code.reason != **name));
        unknown.map_or(Ok(()), |name| {
            Err(OptionError::new(method.full_name(), format!("no package declares the error code {name}")))
        })
    }

    fn add_operation(&mut self, operation: Operation) -> Result<(), OptionError> {
        let input = operation.method.input();
        if operation.http.has_body {
            insert(&mut self.inputs, input.name(), &input, MessageDescriptor::full_name)?;
            for field in &operation.body {
                self.add_field(field, Side::Input)?;
            }
        } else {
            for field in &operation.query {
                self.add_field(field, Side::Input)?;
            }
        }
        match &operation.reply {
            Reply::Nothing => {}
            Reply::Whole => self.add_message(&operation.method.output(), Side::Output)?,
            Reply::Field(_, message) => self.add_message(message, Side::Output)?,
        }
        self.operations.push(operation);
        Ok(())
    }

    fn add_message(&mut self, message: &MessageDescriptor, side: Side) -> Result<(), OptionError> {
        let messages = match side {
            Side::Input => &mut self.inputs,
            Side::Output => &mut self.outputs,
        };
        if insert(messages, message.name(), message, MessageDescriptor::full_name)? {
            for field in message.fields() {
                self.add_field(&field, side)?;
            }
        }
        Ok(())
    }

    fn add_field(&mut self, field: &FieldDescriptor, side: Side) -> Result<(), OptionError> {
        match Shape::of(field)? {
            Shape::Message(message) => self.add_message(&message, side),
            Shape::Enum(one) => {
                insert(&mut self.enums, one.name(), &one, EnumDescriptor::full_name).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

/// Adds an item unless it exists. Returns whether it was added.
fn insert<T: Clone + PartialEq>(
    all: &mut BTreeMap<String, T>,
    name: &str,
    one: &T,
    full_name: fn(&T) -> &str,
) -> Result<bool, OptionError> {
    match all.get(name) {
        Some(other) if other == one => Ok(false),
        Some(other) => {
            let problem = format!("{} has the same name, and both are in JSON: rename one", full_name(other));
            Err(OptionError::new(full_name(one), problem))
        }
        None => {
            all.insert(name.to_owned(), one.clone());
            Ok(true)
        }
    }
}

/// The JSON type of a field, or of the items of a list.
pub(crate) enum Shape {
    Text,
    Flag,
    Int32,
    Int64,
    Time,
    Enum(EnumDescriptor),
    Message(MessageDescriptor),
    /// A map from texts to texts.
    Map,
}

impl Shape {
    pub(crate) fn of(field: &FieldDescriptor) -> Result<Self, OptionError> {
        let unsupported = || OptionError::new(field.full_name(), "there is no JSON for a field of this type");
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return Err(unsupported()) };
            let texts = entry.map_entry_key_field().kind() == Kind::String
                && entry.map_entry_value_field().kind() == Kind::String;
            return if texts { Ok(Self::Map) } else { Err(unsupported()) };
        }
        match field.kind() {
            Kind::String => Ok(Self::Text),
            Kind::Bool => Ok(Self::Flag),
            Kind::Int32 => Ok(Self::Int32),
            Kind::Int64 => Ok(Self::Int64),
            Kind::Enum(one) => Ok(Self::Enum(one)),
            Kind::Message(message) if message.full_name() == TIMESTAMP => Ok(Self::Time),
            Kind::Message(message) => Ok(Self::Message(message)),
            _ => Err(unsupported()),
        }
    }
}

/// Returns whether a field is an id, which is a UUID, by its name.
pub(crate) fn is_id(field: &FieldDescriptor) -> bool {
    field.name() == "id" || field.name().ends_with("_id")
}

/// Returns the values of an enum except the unspecified one, each with its name in JSON: without the prefix and in lower case.
pub(crate) fn enum_values(one: &EnumDescriptor) -> Vec<(String, EnumValueDescriptor)> {
    let prefix = format!("{}_", heck::AsShoutySnakeCase(one.name()));
    let values = one.values().filter(|value| value.number() != 0);
    values
        .map(|value| {
            let name = value.name().strip_prefix(&prefix).unwrap_or(value.name()).to_ascii_lowercase();
            (name, value)
        })
        .collect()
}
