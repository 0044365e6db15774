//! Files with long downloads.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowhouse_testkit::{Proxy, ServiceName, Tenant, TestDatabase, TestOptions, TestSystem};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::api::Api;
use crate::waiting::until;

const CHUNK: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// A system that reaches its orders through a proxy.
struct World {
    system: TestSystem,
    orders: Proxy,
    api: Api,
    acme: Tenant,
}

impl World {
    async fn start(request_timeout: Duration) -> Self {
        let database = TestDatabase::create().await;
        let orders = Proxy::start(&database.url(ServiceName::Orders)).await;
        let options = TestOptions { request_timeout, ..TestOptions::default() };
        let options = options.with_database_url(ServiceName::Orders, orders.url());
        let system = TestSystem::start_on(database, options).await;
        let acme = system.onboard("Acme").await;
        let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
        Self { system, orders, api, acme }
    }

    /// Returns the address of a file with so many chunks, of which only the first `there` exist.
    async fn file(&self, chunks: usize, there: usize) -> String {
        let body = json!({ "resource": "orders", "format": "jsonl" });
        let made = self.api.post("/v1/exports", &body).expect(202).await;
        let done = until(&self.api, made.header("location"), "status", "succeeded").await;
        let (tenant, export) = (&self.acme.id, done.text("id"));
        let size = chunks * CHUNK;
        let statements = format!(
            "UPDATE orders.exports SET chunk_count = {chunks}, size_bytes = {size} WHERE id = '{export}';
             INSERT INTO orders.export_chunks (tenant_id, id, export_id, position, data)
             SELECT '{tenant}', gen_random_uuid(), '{export}', n, convert_to(repeat('x', {CHUNK}), 'UTF8')
             FROM generate_series(0, {there} - 1) AS n;"
        );
        self.system.database().admin().await.batch_execute(&statements).await.unwrap();
        done.text("download_url").to_owned()
    }

    /// Returns how many chunks were read.
    fn chunks_read(&self) -> usize {
        let reads = |statement: &String| statement.contains(r#""export_chunks"."data""#);
        self.orders.flights().iter().flat_map(|flight| &flight.statements).filter(|it| reads(it)).count()
    }

    /// Requests a file, which is there, and reads the head of the answer.
    async fn open(&self, path: &str) -> TcpStream {
        let (head, stream) = self.request(path).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    /// Returns whether there is a place for one more reader of a file.
    async fn is_served(&self, path: &str) -> bool {
        self.request(path).await.0.starts_with("HTTP/1.1 200 ")
    }

    /// Requests a file, and reads the head of the answer.
    async fn request(&self, path: &str) -> (String, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        // A small window, so that little is sent before it is read.
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let address = self.system.gateway_url().strip_prefix("http://").unwrap();
        let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\r\n",
            self.acme.token
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_pieces_are_not_fetched() {
    const CHUNKS: usize = 64;
    let limit = Duration::from_secs(3);
    let world = World::start(limit).await;
    let path = world.file(CHUNKS, CHUNKS).await;

    let head = world.api.request(Method::HEAD, &path).expect(200).await;
    assert_eq!((head.text.len(), head.header("content-length")), (0, (CHUNKS * CHUNK).to_string().as_str()));
    assert!(head.header("content-disposition").starts_with("attachment; "));
    let read = world.chunks_read();
    assert!(read < CHUNKS / 2, "{read} chunks were read for their number");

    world.orders.forget();
    let mut stream = world.open(&path).await;
    // For longer than the time limit of a request.
    let started = Instant::now();
    while started.elapsed() < limit + limit / 4 {
        world.api.get("/v1/orders").expect(200).await;
    }
    let read = world.chunks_read();
    assert!(read < CHUNKS / 2, "{read} chunks were read for a reader who has taken none");
    let mut file = vec![0; CHUNKS * CHUNK];
    stream.read_exact(&mut file).await.unwrap();
    assert!(file.iter().all(|byte| *byte == b'x'));
    assert_eq!(world.chunks_read(), CHUNKS);
    drop(stream);
    world.system.shutdown().await;
}

/// Returns how much of a file arrives before the connection ends.
async fn rest(mut stream: TcpStream) -> usize {
    let mut arrived = 0;
    let mut buffer = vec![0; CHUNK];
    while let Ok(read @ 1..) = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap() {
        arrived += read;
    }
    arrived
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_not_taken_for_the_whole() {
    let world = World::start(Duration::from_secs(3)).await;
    let path = world.file(3, 2).await;
    let url = format!("{}{path}", world.system.gateway_url());
    let response = world.system.http().get(&url).bearer_auth(&world.acme.token).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(3 * 1024 * 1024)));
    response.bytes().await.unwrap_err();
    let arrived = rest(world.open(&path).await).await;
    assert!(arrived <= 2 * CHUNK, "{arrived}");

    // Nor is a file that the service reads too slowly.
    let path = world.file(64, 64).await;
    let stream = world.open(&path).await;
    world.orders.stall();
    let arrived = rest(stream).await;
    assert!(arrived < 64 * CHUNK, "{arrived}");
    world.orders.resume();
    world.system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_does_not_read_its_files_leaves_places_to_others() {
    const CHUNKS: usize = 64;
    let world = World::start(Duration::from_secs(10)).await;
    let path = world.file(CHUNKS, CHUNKS).await;
    let mut unread = Vec::new();
    let refusal = loop {
        match world.request(&path).await {
            (head, stream) if head.starts_with("HTTP/1.1 200 ") => unread.push(stream),
            (head, _) => break head,
        }
        assert!(unread.len() < 100, "nothing is refused");
    };
    assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
    assert_eq!(unread.len(), 8);
    let answer = world.api.get(&path).refused(503, "overloaded").await;
    assert!(answer.headers.contains_key("retry-after"));
    world.api.get("/v1/orders").expect(200).await;

    let quiet = world.system.onboard("Quiet").await;
    let others = world.api.with_token(&quiet.token);
    let body = json!({ "resource": "orders", "format": "jsonl" });
    let made = others.post("/v1/exports", &body).expect(202).await;
    let done = until(&others, made.header("location"), "status", "succeeded").await;
    others.get(done.text("download_url")).expect(200).await;

    drop(unread);
    let began = Instant::now();
    while !world.is_served(&path).await {
        assert!(began.elapsed() < PATIENCE, "the places are not free");
    }
    world.system.shutdown().await;
}

/// The client is there, and takes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_stalls_loses_the_download() {
    const CHUNKS: usize = 64;
    let world = World::start(Duration::from_secs(3)).await;
    let path = world.file(CHUNKS, CHUNKS).await;
    let mut unread = Vec::new();
    for _ in 0..8 {
        unread.push(world.open(&path).await);
    }
    assert!(!world.is_served(&path).await, "there are no more places");
    // When others have all places, each of those who stalled has lost its own.
    let (mut others, began) = (Vec::new(), Instant::now());
    while others.len() < unread.len() {
        match world.request(&path).await {
            (head, stream) if head.starts_with("HTTP/1.1 200 ") => others.push(stream),
            _ => {
                assert!(began.elapsed() < 2 * PATIENCE, "the places are not free");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
    for stream in unread {
        let arrived = rest(stream).await;
        assert!(arrived < CHUNKS * CHUNK, "{arrived}");
    }
    world.system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_be_empty() {
    let world = World::start(Duration::from_secs(10)).await;
    let body = json!({ "resource": "orders", "format": "jsonl", "order_status": "paid" });
    let made = world.api.post("/v1/exports", &body).expect(202).await;
    let done = until(&world.api, made.header("location"), "status", "succeeded").await;
    assert_eq!(done.body["size_bytes"], 0);
    let file = world.api.get(done.text("download_url")).expect(200).await;
    assert_eq!((file.text.as_str(), file.header("content-length")), ("", "0"));
    world.system.shutdown().await;
}
