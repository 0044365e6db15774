//! The REST binding of a method.

use prost_reflect::MethodDescriptor;

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
    #[must_use]
    pub fn of(method: &MethodDescriptor) -> Option<Self> {
        let rule = Extension::of(method.parent_pool(), &method.options(), "google.api.http")?;
        let bound = |verb: Verb| rule.text(verb.as_str()).map(|path| (verb, path));
        let (verb, path) = Verb::ALL.into_iter().find_map(bound)?;
        Some(Self {
            verb,
            path,
            has_body: rule.text("body").is_some(),
            response_body: rule.text("response_body"),
        })
    }

    /// Returns the fields of the request that the path contains, in their order.
    #[must_use]
    pub fn path_fields(&self) -> Vec<String> {
        let parts = self.path.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}').map(|(name, _)| name.to_owned())).collect()
    }
}
