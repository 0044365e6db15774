//! Query strings: each parameter is known and occurs once.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use url::form_urlencoded;

use crate::error::Problem;
use crate::json::Named;

/// Returns the decoded parameters in the order of `names`. Unknown and repeated ones are errors.
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

/// Truncates an unknown name to the length of the longest one.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", name.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(name),
    }
}

/// Parses a whole number, if the parameter is present.
pub(crate) fn number(name: &str, value: Option<Cow<'_, str>>) -> Result<Option<i32>, Problem> {
    let number = value.map(|text| text.parse());
    number.transpose().map_err(|_not_a_number| Problem::invalid(name, "send a whole number, or leave it out"))
}

/// Parses the name of a value of an enum.
pub(crate) fn one_of<T: Named>(name: &str, value: Option<Cow<'_, str>>) -> Result<Option<T>, Problem> {
    let read = value.map(|value| {
        T::named(&value)
            .ok_or_else(|| Problem::invalid(name, &format!("send one of {}, or leave it out", T::names())))
    });
    read.transpose()
}

/// Returns a parameter's value, which must not be empty.
pub(crate) fn filled(name: &str, value: Option<Cow<'_, str>>) -> Result<Option<String>, Problem> {
    match value {
        Some(value) if value.is_empty() => Err(Problem::invalid(name, "send a value, or leave it out")),
        value => Ok(value.map(Cow::into_owned)),
    }
}

/// Refuses an empty list.
pub(crate) fn non_empty_list<T>(name: &str, list: Option<&[T]>) -> Result<(), Problem> {
    match list {
        Some([]) => Err(Problem::invalid(name, "send at least one, or leave it out")),
        _ => Ok(()),
    }
}

/// The query of an address without parameters.
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

    struct Status(i32);

    impl Named for Status {
        const NAMES: &'static [(&'static str, i32)] = &[("placed", 1), ("paid", 2)];

        fn of(number: i32) -> Self {
            Self(number)
        }
    }

    #[test]
    fn values_are_read() {
        let size = |text: &'static str| number("page_size", Some(text.into()));
        assert_eq!(size("5").unwrap(), Some(5));
        assert_eq!(number("page_size", None).unwrap(), None);
        for wrong in ["", "ten", "1.5", "99999999999999999999"] {
            let problem = size(wrong).unwrap_err().to_string();
            assert!(problem.starts_with("invalid_argument: page_size: "), "{problem}");
        }
        let status = |text: &'static str| one_of::<Status>("status", Some(text.into()));
        assert_eq!(status("paid").unwrap().map(|status| status.0), Some(2));
        for wrong in ["", "Paid", "open"] {
            let problem = status(wrong).err().unwrap().to_string();
            assert!(problem.ends_with("status: send one of placed, paid, or leave it out"), "{problem}");
        }
    }

    #[test]
    fn a_value_that_is_sent_is_not_empty() {
        let read = |value: Option<&'static str>| filled("action", value.map(Cow::Borrowed));
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some("session.create")).unwrap().as_deref(), Some("session.create"));
        assert!(read(Some("")).unwrap_err().to_string().ends_with("action: send a value, or leave it out"));
        assert!(
            non_empty_list::<i32>("events", None).is_ok() && non_empty_list("events", Some(&[1])).is_ok()
        );
        assert!(non_empty_list::<i32>("events", Some(&[])).is_err());
    }
}
