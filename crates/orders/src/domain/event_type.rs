//! The types of webhook events, and subscriptions to them.

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    OrderCreated,
    OrderUpdated,
    /// A test of an endpoint, which no endpoint subscribes to.
    Test,
}

/// Subscribes to all events, including future ones.
const ALL: &str = "*";

impl EventType {
    const EACH: [Self; 2] = [Self::OrderCreated, Self::OrderUpdated];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OrderCreated => "order.created",
            Self::OrderUpdated => "order.updated",
            Self::Test => "webhook.test",
        }
    }

    /// Returns the entries of a subscription that include this event.
    pub(crate) fn subscriptions(self) -> Vec<&'static str> {
        vec![self.as_str(), ALL]
    }
}

/// The events that an endpoint subscribes to: one or more names, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Events(Vec<&'static str>);

/// The error for a list without events or with unknown ones.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one or more of order.created, order.updated; or * for all events, including future ones")]
pub(crate) struct InvalidEvents;

impl Events {
    pub(crate) fn parse(names: &[String]) -> Result<Self, InvalidEvents> {
        let mut events = Vec::new();
        for name in names {
            let known = EventType::EACH.into_iter().map(EventType::as_str).chain([ALL]);
            let known = known.into_iter().find(|known| known == name).ok_or(InvalidEvents)?;
            if !events.contains(&known) {
                events.push(known);
            }
        }
        if events.is_empty() { Err(InvalidEvents) } else { Ok(Self(events)) }
    }

    pub(crate) fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(names: &[&str]) -> Result<Vec<&'static str>, InvalidEvents> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        Events::parse(&names).map(|events| events.0)
    }

    #[test]
    fn lists_of_events() {
        assert_eq!(parse(&["*"]), Ok(vec!["*"]));
        assert_eq!(
            parse(&["order.updated", "order.created", "order.updated"]),
            Ok(vec!["order.updated", "order.created"])
        );
        for names in [&[][..], &[""], &["order.deleted"], &["order.created", "ORDER.UPDATED"], &["order.*"]] {
            assert_eq!(parse(names), Err(InvalidEvents), "{names:?}");
        }
    }
}
