//! The positions of spans in their traces, where nothing records traces.

use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::{Span, Subscriber};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The layer that takes the place of OpenTelemetry's without a collector. It wants spans and does nothing with them: what a trace costs
/// without a reader is its ids.
pub(super) struct Unrecorded;

impl<S: Subscriber> Layer<S> for Unrecorded {}

/// The position of a span. Those inside of it have the same.
struct Position(SpanContext);

/// Gives a span a position in its parent's trace, or in a new one. Returns `None` if the span is disabled.
pub(super) fn begin(span: &Span, parent: &SpanContext) -> Option<SpanContext> {
    in_registry(span, |span| {
        let position = inside(parent);
        span.extensions_mut().replace(Position(position.clone()));
        position
    })
}

/// Returns a new position in the trace of `parent`, or in a new one.
pub(super) fn inside(parent: &SpanContext) -> SpanContext {
    let ids = RandomIdGenerator::default();
    let (trace, flags, state) = if parent.is_valid() {
        (parent.trace_id(), parent.trace_flags(), parent.trace_state().clone())
    } else {
        (ids.new_trace_id(), TraceFlags::NOT_SAMPLED, TraceState::NONE)
    };
    SpanContext::new(trace, ids.new_span_id(), flags, false, state)
}

/// Returns the position of a span, or that of the nearest one around it.
pub(super) fn of(span: &Span) -> Option<SpanContext> {
    in_registry(span, |span| {
        span.scope().find_map(|span| Some(span.extensions().get::<Position>()?.0.clone()))
    })?
}

type Registered<'a> = tracing_subscriber::registry::SpanRef<'a, Registry>;

fn in_registry<T>(span: &Span, look: impl FnOnce(&Registered<'_>) -> T) -> Option<T> {
    let found = span.with_subscriber(|(id, subscriber)| {
        let registry = subscriber.downcast_ref::<Registry>()?;
        Some(look(&registry.span(id)?))
    });
    found.flatten()
}
