//! A tenant's exports as one caller sees them, and the expected contents of files.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::orders::v1::export_service_client::ExportServiceClient;
use rowhouse_proto::orders::v1::{
    CreateExportRequest, DownloadExportRequest, DownloadExportResponse, Export, ExportFormat, ExportStatus,
    GetExportRequest, ListOrdersRequest, Order, OrderStatus,
};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Role;
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::world::{Orders, World};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Exports {
    client: ExportServiceClient<Channel>,
    token: String,
}

impl Exports {
    pub(crate) async fn of(world: &World, tenant: TenantId, role: Role) -> Self {
        // A small window, so that little is sent before it is read.
        let endpoint = Endpoint::from_shared(world.endpoint())
            .unwrap()
            .initial_stream_window_size(Some(65_535))
            .initial_connection_window_size(Some(65_535));
        let client = ExportServiceClient::new(endpoint.connect().await.unwrap());
        Self { client, token: world.token(tenant, role) }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub(crate) async fn send(&self, message: CreateExportRequest) -> Result<Export, Status> {
        let reply = self.client.clone().create_export(self.request(message)).await?;
        Ok(reply.into_inner().export.unwrap())
    }

    pub(crate) async fn create(
        &self,
        format: ExportFormat,
        order_status: Option<OrderStatus>,
    ) -> Result<Export, Status> {
        let order_status = order_status.unwrap_or_default().into();
        self.send(CreateExportRequest {
            resource: "orders".to_owned(),
            format: format.into(),
            order_status,
            idempotency_key: None,
        })
        .await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Export, Status> {
        let request = self.request(GetExportRequest { id: id.to_owned() });
        Ok(self.client.clone().get_export(request).await?.into_inner().export.unwrap())
    }

    /// Waits until the export has ended, and returns it.
    pub(crate) async fn ended(&self, id: &str) -> Export {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let export = self.get(id).await.unwrap();
            if !matches!(export.status(), ExportStatus::Queued | ExportStatus::Running) {
                return export;
            }
            assert!(Instant::now() < deadline, "{export:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn open(&self, id: &str) -> Result<Streaming<DownloadExportResponse>, Status> {
        let request = self.request(DownloadExportRequest { id: id.to_owned() });
        Ok(self.client.clone().download_export(request).await?.into_inner())
    }

    /// Returns the whole file of an export that succeeded.
    pub(crate) async fn download(&self, id: &str) -> Vec<u8> {
        let mut pieces = self.open(id).await.unwrap();
        let first = pieces.message().await.unwrap().unwrap();
        let export = first.export.unwrap();
        assert_eq!((export.id.as_str(), export.status()), (id, ExportStatus::Succeeded));
        let mut file = first.data;
        while let Some(piece) = pieces.message().await.unwrap() {
            assert_eq!(piece.export, None, "with the first piece only");
            file.extend(piece.data);
        }
        assert_eq!(export.size_bytes, i64::try_from(file.len()).unwrap());
        file
    }

    /// Exports, waits, and downloads the file.
    pub(crate) async fn file(&self, format: ExportFormat, status: Option<OrderStatus>) -> Vec<u8> {
        let export = self.create(format, status).await.unwrap();
        let ended = self.ended(&export.id).await;
        assert_eq!(ended.status(), ExportStatus::Succeeded, "{ended:?}");
        self.download(&export.id).await
    }
}

/// Returns all orders of a list, in ascending order of numbers.
pub(crate) async fn listed(orders: &Orders, status: Option<OrderStatus>) -> Vec<Order> {
    let status = status.unwrap_or_default().into();
    let mut request = ListOrdersRequest { page_size: 100, status, page_token: String::new() };
    let mut all = Vec::new();
    loop {
        let page = orders.list(request.clone()).await.unwrap();
        all.extend(page.orders);
        if page.next_page_token.is_empty() {
            all.reverse();
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

fn status_name(order: &Order) -> String {
    order.status().as_str_name().trim_start_matches("ORDER_STATUS_").to_ascii_lowercase()
}

fn priority_name(order: &Order) -> String {
    order.priority().as_str_name().trim_start_matches("ORDER_PRIORITY_").to_ascii_lowercase()
}

/// Asserts that a file has each of the orders once, in their order, and nothing else.
pub(crate) fn assert_has(format: ExportFormat, file: &[u8], orders: &[Order]) {
    match format {
        ExportFormat::Jsonl => {
            let lines = file.split_inclusive(|&byte| byte == b'\n').map(|line| {
                assert!(line.ends_with(b"\n"));
                serde_json::from_slice::<Value>(line).unwrap()
            });
            let expected: Vec<_> = orders.iter().map(as_json).collect();
            assert!(lines.eq(expected));
        }
        ExportFormat::Csv => {
            let mut reader = csv::Reader::from_reader(file);
            assert_eq!(reader.headers().unwrap().len(), 13);
            let rows: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(ToOwned::to_owned).collect())
                .collect();
            let expected: Vec<_> = orders.iter().flat_map(as_rows).collect();
            assert_eq!(rows.len(), expected.len());
            assert!(rows == expected);
        }
        ExportFormat::Unspecified => panic!("no format"),
    }
}

/// Returns the JSON that files and webhooks have of an order.
pub(crate) fn as_json(order: &Order) -> Value {
    let lines = order.lines.iter().map(|line| {
        json!({ "sku": line.sku, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor })
    });
    json!({
        "id": order.id,
        "number": order.number,
        "customer": order.customer,
        "currency": order.currency,
        "status": status_name(order),
        "priority": priority_name(order),
        "total_minor": order.total_minor,
        "lines": lines.collect::<Vec<_>>(),
        "version": order.version,
        "created_at": order.created_at.unwrap().to_string(),
        "updated_at": order.updated_at.unwrap().to_string(),
    })
}

fn as_rows(order: &Order) -> Vec<Vec<String>> {
    let escape_formula = |text: &str| {
        // Split as a spreadsheet does that recognises no quotes and skips characters before a formula.
        let cells = text.split_inclusive([';', '|', '\t', '\r', '\n']);
        let safe = cells.map(|cell| {
            let seen = cell.trim_start_matches([' ', '"', '\u{a0}', '\u{200b}', '\u{feff}']);
            if seen.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
                format!("'{cell}")
            } else {
                cell.to_owned()
            }
        });
        safe.collect::<String>()
    };
    let rows = (1..).zip(&order.lines).map(|(position, line)| {
        vec![
            order.id.clone(),
            order.number.to_string(),
            status_name(order),
            priority_name(order),
            escape_formula(&order.customer),
            order.currency.clone(),
            order.total_minor.to_string(),
            order.created_at.unwrap().to_string(),
            order.updated_at.unwrap().to_string(),
            position.to_string(),
            escape_formula(&line.sku),
            line.quantity.to_string(),
            line.unit_price_minor.to_string(),
        ]
    });
    rows.collect()
}

/// Places orders with the numbers 1 to `count`, every other one paid, with one to three lines. It uses SQL, which
/// takes a second instead of a minute.
pub(crate) async fn place_many(world: &World, tenant: TenantId, count: usize) {
    let statements = format!(
        "INSERT INTO orders.orders (tenant_id, id, number, customer, currency, status, total_minor)
         SELECT '{tenant}', gen_random_uuid(), n, 'Customer ' || n, 'EUR', (ARRAY['placed', 'paid'])[1 + n % 2], n
         FROM generate_series(1, {count}) AS n;
         INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
         SELECT o.tenant_id, gen_random_uuid(), o.id, p, 'sku-' || p, p, o.number
         FROM orders.orders o, generate_series(1, 1 + o.number % 3) AS p WHERE o.tenant_id = '{tenant}';
         INSERT INTO orders.number_series (tenant_id, id, last_number) VALUES ('{tenant}', 'orders', {count})
         ON CONFLICT (tenant_id, id) DO UPDATE SET last_number = {count};"
    );
    world.database.admin().await.batch_execute(&statements).await.unwrap();
}
