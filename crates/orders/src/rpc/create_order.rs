//! Placing an order.

use prost::Message;
use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_proto::orders::v1::{CreateOrderRequest, CreateOrderResponse, OrderLine};
use tonic::Request;
use tracing::Span;

use super::Rpc;
use super::order::parse_priority;
use super::place_orders::{KeyedCall, Placing};
use crate::domain::{Fingerprint, NewLine, NewLines, NewOrder, OrderId};
use crate::error::Error;

pub(super) async fn create_order(
    rpc: &Rpc,
    request: Request<CreateOrderRequest>,
) -> Result<CreateOrderResponse, Error> {
    let cx = context(&request)?;
    let (new, keyed) = parse(request.into_inner())?;
    let tenant = cx.tenant();
    rpc.placings.run(tenant, Placing { cx, new, keyed, span: Span::current() }).await?
}

fn parse(mut request: CreateOrderRequest) -> Result<(NewOrder, Option<KeyedCall>), Error> {
    let key = request.idempotency_key.take();
    // The rest of the request must be equal in a repeat.
    let fingerprint = Fingerprint::of(&request.encode_to_vec());
    let mut violations = Violations::default();
    let customer = violations.check("customer", request.customer.parse());
    let currency = violations.check("currency", request.currency.parse());
    let lines = parse_lines(&mut violations, &request.lines);
    let priority = violations.check("priority", parse_priority(request.priority));
    let key = violations.check("idempotency_key", key.map(|key| key.parse()).transpose());
    match (customer, currency, lines, priority, key) {
        (Some(customer), Some(currency), Some(lines), Some(priority), Some(key)) => Ok((
            NewOrder {
                id: OrderId::generate(),
                customer,
                currency,
                lines,
                priority: priority.unwrap_or_default(),
            },
            key.map(|key| KeyedCall { key, fingerprint }),
        )),
        _ => Err(violations.into()),
    }
}

fn parse_lines(violations: &mut Violations, lines: &[OrderLine]) -> Option<NewLines> {
    violations.check("lines", NewLines::check_count(lines.len()))?;
    let lines: Vec<Option<NewLine>> =
        (0..).zip(lines).map(|(index, line)| parse_line(violations, index, line)).collect();
    let lines = lines.into_iter().collect::<Option<_>>()?;
    violations.check("lines", NewLines::new(lines))
}

fn parse_line(violations: &mut Violations, index: usize, line: &OrderLine) -> Option<NewLine> {
    let field = |name| format!("lines[{index}].{name}");
    let sku = violations.check(field("sku"), line.sku.parse());
    let quantity = violations.check(field("quantity"), line.quantity.try_into());
    let unit_price = violations.check(field("unit_price_minor"), line.unit_price_minor.try_into());
    Some(NewLine { sku: sku?, quantity: quantity?, unit_price: unit_price? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OrderPriority;

    fn request() -> CreateOrderRequest {
        CreateOrderRequest {
            customer: " Ada ".to_owned(),
            currency: "EUR".to_owned(),
            lines: vec![OrderLine { sku: "chair".to_owned(), quantity: 2, unit_price_minor: 4_950 }],
            ..CreateOrderRequest::default()
        }
    }

    fn wrong_fields(request: CreateOrderRequest) -> Vec<String> {
        match parse(request) {
            Err(Error::Invalid(violations)) => violations.into_iter().map(|one| one.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_order() {
        let (new, keyed) = parse(request()).unwrap();
        assert_eq!((new.customer.as_str(), new.currency.code()), ("Ada", "EUR"));
        assert_eq!(new.lines.total().minor(), 9_900);
        assert_eq!(new.priority, OrderPriority::Normal);
        assert!(keyed.is_none());
        let (urgent, _) = parse(CreateOrderRequest { priority: 3, ..request() }).unwrap();
        assert_eq!(urgent.priority, OrderPriority::High);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let good = request().lines.remove(0);
        let mut wrong = request();
        wrong.customer.clear();
        wrong.currency = "euro".to_owned();
        wrong.lines = vec![
            OrderLine { sku: "\0".to_owned(), ..good.clone() },
            good.clone(),
            OrderLine { quantity: 0, unit_price_minor: -1, ..good.clone() },
        ];
        wrong.idempotency_key = Some(String::new());
        wrong.priority = 4;
        assert_eq!(
            wrong_fields(wrong),
            [
                "customer",
                "currency",
                "lines[0].sku",
                "lines[2].quantity",
                "lines[2].unit_price_minor",
                "priority",
                "idempotency_key"
            ]
        );
        for lines in
            [vec![], vec![OrderLine::default(); 201], vec![OrderLine { unit_price_minor: 1 << 52, ..good }]]
        {
            assert_eq!(wrong_fields(CreateOrderRequest { lines, ..request() }), ["lines"]);
        }
    }

    #[test]
    fn the_fingerprint_is_the_requests_and_not_the_keys() {
        let fingerprint = |key: &str, customer: &str| {
            let (key, customer) = (Some(key.to_owned()), customer.to_owned());
            parse(CreateOrderRequest { idempotency_key: key, customer, ..request() })
                .unwrap()
                .1
                .unwrap()
                .fingerprint
        };
        assert_eq!(fingerprint("one", "Ada"), fingerprint("two", "Ada"));
        assert_ne!(fingerprint("one", "Ada"), fingerprint("one", "Ada "));
    }
}
