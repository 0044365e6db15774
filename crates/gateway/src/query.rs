//! Query strings: each parameter is known and comes once.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use url::form_urlencoded;

use crate::error::Problem;

/// The decoded parameters, in the order of `names`; one that is not among these or comes twice is an error.
pub(crate) fn parameters<'q, const N: usize>(
    query: &'q str,
    names: [&str; N],
) -> Result<[Option<Cow<'q, str>>; N], Problem> {
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = names.iter().position(|known| *known == name).and_then(|at| found.get_mut(at));
        match place {
            Some(place @ None) => *place = Some(value),
            Some(Some(_)) => return Err(Problem::invalid(&shown(&name), "send the parameter once")),
            None if N == 0 => {
                return Err(Problem::invalid(&shown(&name), "this address takes no parameters"));
            }
            None => {
                let detail = format!("there is no such parameter; send {} only", names.join(", "));
                return Err(Problem::invalid(&shown(&name), &detail));
            }
        }
    }
    Ok(found)
}

/// A name that the caller made up, as long as a name may be.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", name.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(name),
    }
}

/// The number in `page_size`; 0 when there is none, and the service then decides.
pub(crate) fn page_size(text: Option<Cow<'_, str>>) -> Result<i32, Problem> {
    let size = text.map_or(Ok(0), |text| text.parse());
    size.map_err(|_not_a_number| Problem::invalid("page_size", "send a whole number from 1 to 100"))
}

/// One of several names; `names` says which there are.
pub(crate) fn one_of<T: DeserializeOwned>(
    name: &str,
    value: Option<Cow<'_, str>>,
    names: &str,
) -> Result<Option<T>, Problem> {
    let read = value.map(|value| {
        let value: StrDeserializer<'_, ValueError> = (*value).into_deserializer();
        T::deserialize(value)
            .map_err(|_unknown| Problem::invalid(name, &format!("send one of {names}, or leave it out")))
    });
    read.transpose()
}

/// A parameter's value. One that is sent is not empty: `what` says what to send instead.
pub(crate) fn filled(name: &str, value: Option<Cow<'_, str>>, what: &str) -> Result<Option<String>, Problem> {
    match value {
        Some(value) if value.is_empty() => {
            Err(Problem::invalid(name, &format!("send {what}, or leave it out")))
        }
        value => Ok(value.map(Cow::into_owned)),
    }
}

/// Which part of a list.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most this many; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    pub(crate) page_size: i32,
    /// The `next_page_token` of the page before.
    #[param(value_type = Option<String>)]
    pub(crate) page_token: String,
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

impl Page {
    fn parse(query: &str) -> Result<Self, Problem> {
        let [size, token] = parameters(query, ["page_size", "page_token"])?;
        Ok(Self { page_size: page_size(size)?, page_token: token.map(Cow::into_owned).unwrap_or_default() })
    }
}

/// An address that takes no parameters.
pub(crate) struct NoQuery;

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parameters(request.query_string(), []).map(|[]| Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        parameters(query, ["size", "token"]).unwrap_err().to_string()
    }

    #[test]
    fn known_parameters_are_decoded() {
        let [size, token] = parameters("token=a%2Bb+c&size=", ["size", "token"]).unwrap();
        assert_eq!((size.as_deref(), token.as_deref()), (Some(""), Some("a+b c")));
        let [size, token] = parameters("", ["size", "token"]).unwrap();
        assert_eq!((size, token), (None, None));
        assert!(parameters("&&", ["size"]).is_ok());
    }

    #[test]
    fn others_are_refused() {
        assert!(refused("sise=1").ends_with("sise: there is no such parameter; send size, token only"));
        assert!(refused("size=1&size=2").ends_with("size: send the parameter once"));
        assert!(refused("%ff=1").contains("there is no such parameter"));
        assert!(refused(&format!("{}=1", "é".repeat(5000))).len() < 300);
        assert!(parameters("x", []).unwrap_err().to_string().contains("takes no parameters"));
    }

    #[test]
    fn a_page_may_be_left_out() {
        let Page { page_size, page_token } = Page::parse("").unwrap();
        assert_eq!((page_size, page_token.as_str()), (0, ""));
        let Page { page_size, page_token } = Page::parse("page_token=a%3D&page_size=5").unwrap();
        assert_eq!((page_size, page_token.as_str()), (5, "a="));
        for size in ["", "ten", "1.5", "99999999999999999999"] {
            let problem = Page::parse(&format!("page_size={size}")).err().unwrap().to_string();
            assert!(problem.starts_with("invalid_argument: page_size: "), "{problem}");
        }
    }

    #[test]
    fn a_value_that_is_sent_is_not_empty() {
        let read = |value: Option<&'static str>| filled("action", value.map(Cow::Borrowed), "an action");
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some("session.create")).unwrap().as_deref(), Some("session.create"));
        assert!(read(Some("")).unwrap_err().to_string().ends_with("action: send an action, or leave it out"));
    }
}
