//! The REST binding of a method.

use prost_reflect::MethodDescriptor;

use crate::OptionError;
use crate::options::Extension;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verb {
    Get,
    Put,
    Post,
    Patch,
    Delete,
}

impl Verb {
    const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Post, Self::Patch, Self::Delete];

    /// Returns the name in lower case, such as `get`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// The annotation `google.api.http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpBinding {
    /// The HTTP method.
    pub verb: Verb,
    /// The path, such as `/v1/orders/{id}`.
    pub path: String,
    /// True if there is a JSON body (`body: "*"`).
    pub has_body: bool,
    /// The field of the response that is the answer's body.
    pub response_body: Option<String>,
}

impl HttpBinding {
    /// Returns the binding of `method`, if it has one.
    pub fn of(method: &MethodDescriptor) -> Result<Option<Self>, OptionError> {
        let rule = Extension::of(method.parent_pool(), &method.options(), "google.api.http");
        let Some(rule) = rule else { return Ok(None) };
        let bound = |verb: Verb| rule.text(verb.as_str()).map(|path| (verb, path));
        let Some((verb, path)) = Verb::ALL.into_iter().find_map(bound) else { return Ok(None) };
        let body = rule.text("body");
        if let Some(field) = body.as_deref().filter(|body| *body != "*") {
            let problem = format!("body: \"{field}\" is not supported; write body: \"*\", or none");
            return Err(OptionError::new(method.full_name(), problem));
        }
        Ok(Some(Self { verb, path, has_body: body.is_some(), response_body: rule.text("response_body") }))
    }

    /// Returns the fields of the request that the path contains, in their order.
    #[must_use]
    pub fn path_fields(&self) -> Vec<String> {
        let parts = self.path.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}').map(|(name, _)| name.to_owned())).collect()
    }
}
