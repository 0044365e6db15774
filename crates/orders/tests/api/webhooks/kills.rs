//! Workers that are killed with SIGKILL, in processes of their own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rowhouse_jobs::WorkerArgs;
use rowhouse_proto::orders::v1::OrderStatus::{Fulfilled, Paid};
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_testkit::ServiceName;
use rowhouse_tokens::Role;

use super::order::assert_in_order;
use super::{Receiver, Webhooks};
use crate::world::{World, an_order};

/// The program as it is deployed. Dropping it kills it.
struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

impl Program {
    fn start(world: &World) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rowhouse-orders"))
            .env_clear()
            .env("DATABASE_URL", world.database.url(ServiceName::Orders))
            .env("ROWHOUSE_LISTEN", "127.0.0.1:0")
            .env("ROWHOUSE_TRUST_DIR", world.keys())
            .env("ROWHOUSE_ISSUER", "http://127.0.0.1:8080")
            .env("ROWHOUSE_ENCRYPTION_KEYS", world.keys().join("encryption.keys"))
            .env("ROWHOUSE_ENVIRONMENT", "dev")
            .env("ROWHOUSE_JOB_LEASE", "1")
            .env("ROWHOUSE_LOG", "trace")
            .env("ROWHOUSE_LOG_FORMAT", "json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (log, stderr) = (Arc::default(), child.stderr.take().unwrap());
        let lines: Arc<Mutex<String>> = Arc::clone(&log);
        let logging = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { child, log, logging: Some(logging) }
    }

    /// Waits for the line with its address.
    async fn endpoint(&self) -> String {
        let said = async {
            loop {
                let log = self.log.lock().unwrap().clone();
                let said = log.lines().find_map(|line| {
                    let line: serde_json::Value = serde_json::from_str(line).ok()?;
                    Some(line.get("address")?.as_str()?.to_owned())
                });
                if let Some(address) = said {
                    return format!("http://{address}");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), said)
            .await
            .unwrap_or_else(|_| panic!("{}", self.log.lock().unwrap()))
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Kills it and returns its output.
    fn into_log(mut self) -> String {
        self.kill();
        self.logging.take().unwrap().join().unwrap();
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a service without workers.
async fn idle_world() -> World {
    World::start_with(|config| config.args.jobs = WorkerArgs::NONE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_deliveries_are_repeated_before_the_rest() {
    let world = idle_world().await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    // The receiver reads and does not answer.
    receiver.always("");
    let order = orders.create(an_order()).await.unwrap();
    orders.update(&order.id, Paid, "").await.unwrap();
    let mut first = Program::start(&world);
    receiver.first(1).await;
    first.kill();
    assert_eq!(webhooks.deliveries().await[0].attempt_count, 0, "nobody has written down that it was tried");

    receiver.always("200 OK");
    let _second = Program::start(&world);
    webhooks.until_statuses(&[Delivered, Delivered]).await;
    let requests = receiver.received();
    let versions: Vec<_> = requests.iter().map(|request| request.order().1).collect();
    assert_eq!(versions, [1, 1, 2]);
    assert_eq!((requests[0].id(), &requests[0].body), (requests[1].id(), &requests[1].body));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_nothing_is_lost_and_nothing_overtakes() {
    let world = idle_world().await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    let mut last = HashMap::new();
    for _ in 0..24 {
        let order = orders.create(an_order()).await.unwrap();
        orders.update(&order.id, Paid, "").await.unwrap();
        orders.update(&order.id, Fulfilled, "").await.unwrap();
        last.insert(order.id, 3);
    }
    // After some answers, one request is left without one, and its sender is killed.
    for round in 0..6 {
        let mut answers = 3;
        receiver.answer(move |_| {
            answers -= 1;
            if answers >= 0 { "200 OK".to_owned() } else { String::new() }
        });
        let seen = receiver.received().len();
        let mut program = Program::start(&world);
        receiver.first(seen + 4 + round % 3).await;
        program.kill();
    }
    receiver.always("200 OK");
    let _program = Program::start(&world);
    webhooks.until_statuses(&[Delivered; 72]).await;
    assert_in_order(&receiver.received(), &last);
    assert!(receiver.received().len() > 72, "something was sent twice, or nobody was killed in the middle");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_tells_a_secret() {
    let world = idle_world().await;
    let orders = world.tenant("acme").await;
    let program = Program::start(&world);
    let token = world.token(orders.tenant, Role::Admin);
    let webhooks = Webhooks::at(program.endpoint().await, token).await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.always("500 Oops");
    let secrets = [webhooks.register(&good).await.1, webhooks.register(&bad).await.1];
    orders.create(an_order()).await.unwrap();
    webhooks.until(|all| all.len() == 2 && all.iter().all(|one| one.attempt_count > 0)).await;
    let signatures: Vec<_> =
        [&good, &bad].map(|receiver| receiver.received()[0].headers["webhook-signature"].clone()).into();
    let log = program.into_log();
    assert!(log.contains("WebhookService"), "the log is that of everything");
    for secret in secrets.iter().map(|secret| secret.strip_prefix("whsec_").unwrap()) {
        assert!(!log.contains(secret));
    }
    for signature in signatures {
        assert!(!log.contains(&signature));
    }
    world.stop().await;
}
