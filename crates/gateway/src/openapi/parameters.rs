//! The request headers that several operations share.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

macro_rules! headers {
    ($($parameter:ident $name:literal $schema:expr, $description:literal;)+) => {
        $(
            #[doc = concat!("The header `", $name, "`.")]
            pub(crate) struct $parameter;

            impl IntoParams for $parameter {
                fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                    let parameter = ParameterBuilder::new()
                        .name($name)
                        .parameter_in(ParameterIn::Header)
                        .required(Required::False)
                        .description(Some($description))
                        .schema(Some($schema));
                    vec![parameter.build()]
                }
            }
        )+
    };
}

headers! {
    TenantIdHeader "x-tenant-id" text().format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        "May repeat the access token's tenant, and must then equal it. It never selects one.";
    IdempotencyKeyHeader "Idempotency-Key"
        text().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[\\x21-\\x7e]+$")),
        "Makes the call safe to repeat: the same key with the same request returns the first answer, with \
         another request it is refused. A UUID is a good key.";
    IfMatchHeader "If-Match" text().examples(["\"1\""]),
        "The ETag of the version that you have read, or several with commas between them. When the order has changed since, nothing is done.";
    IfNoneMatchHeader "If-None-Match" text().examples(["\"1\""]),
        "The ETag of the version that you have, or several with commas between them. When the order is still the same, the answer is an empty 304.";
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
