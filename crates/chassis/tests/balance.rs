//! Balancing and retries of a channel, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use rowhouse_chassis::grpc::{
    Listener, Resolve, TracedChannel, channel, channel_resolved_by, mark_repeatable, set_deadline,
};
use rowhouse_chassis::tls::CallTls;
use support::{Echo, Reply, Running, call, options, start_at};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that counts its calls.
struct Counting {
    server: Running,
    calls: Arc<AtomicUsize>,
}

impl Counting {
    async fn start() -> Self {
        Self::answering(Duration::ZERO, |text| Ok(Response::new(text))).await
    }

    async fn start_at(listener: Listener) -> Self {
        Self::with(listener, Duration::ZERO, |text| Ok(Response::new(text))).await
    }

    async fn answering(max_connection_age: Duration, answer: fn(String) -> Reply) -> Self {
        Self::with(Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap(), max_connection_age, answer).await
    }

    async fn with(listener: Listener, max_connection_age: Duration, answer: fn(String) -> Reply) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let mut options = options().await;
        options.max_connection_age = max_connection_age;
        let echo = Echo::default().method("Echo", move |request: Request<String>| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                // Others get a turn, so that calls overlap.
                tokio::task::yield_now().await;
                answer(request.into_inner())
            }
        });
        Self { server: start_at(listener, options, echo), calls }
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Returns the number of calls since the last time.
    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

fn endpoints(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("http://{address}")).collect::<Vec<_>>().join(",")
}

async fn echo(channel: &TracedChannel, repeatable: bool) -> Reply {
    let mut request = Request::new("text".to_owned());
    set_deadline(&mut request, PATIENCE);
    if repeatable {
        mark_repeatable(&mut request);
    }
    call(channel, "Echo", request).await
}

/// Makes so many calls, eight at once, of which none may fail.
async fn make_calls(channel: &TracedChannel, count: usize) {
    let callers = (0..8).map(|_| async {
        for _ in 0..count / 8 {
            assert_eq!(echo(channel, false).await.unwrap().into_inner(), "text");
        }
    });
    join_all(callers).await;
}

fn assert_share(calls: usize, all: usize, share: f64) {
    let (calls, all) = (f64::from(u32::try_from(calls).unwrap()), f64::from(u32::try_from(all).unwrap()));
    assert!((calls / all - share).abs() < 0.05, "{calls} of {all} instead of {share}");
}

#[tokio::test]
async fn two_instances_get_half_of_the_calls_each() {
    let (one, other) = (Counting::start().await, Counting::start().await);
    let channel = channel(&endpoints(&[one.address(), other.address()])).unwrap();
    make_calls(&channel, 800).await;
    assert_share(one.calls(), 800, 0.5);
    assert_share(other.calls(), 800, 0.5);
    // One after the other as well.
    for _ in 0..100 {
        echo(&channel, false).await.unwrap();
    }
    assert_share(one.calls(), 100, 0.5);
    assert_share(other.calls(), 100, 0.5);
}

/// The addresses of a name, in place of a resolver; none is an error.
#[derive(Clone, Default)]
struct Name(Arc<Mutex<Vec<SocketAddr>>>);

impl Name {
    fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn channel(&self) -> TracedChannel {
        let Self(addresses) = self.clone();
        let resolve: Resolve = Arc::new(move |host, port| {
            assert_eq!((host.as_str(), port), ("echo.test", 50051));
            let found = addresses.lock().unwrap().clone();
            let found = if found.is_empty() { Err(io::Error::other("SERVFAIL")) } else { Ok(found) };
            std::future::ready(found).boxed()
        });
        channel_resolved_by("http://echo.test:50051", &CallTls::default(), resolve).unwrap()
    }
}

#[tokio::test]
async fn instances_that_come_and_go_are_noticed_within_five_seconds() {
    let (one, two, three) = (Counting::start().await, Counting::start().await, Counting::start().await);
    let name = Name::default();
    name.set(&[one.address(), two.address()]);
    let channel = name.channel();
    make_calls(&channel, 80).await;
    assert_eq!(three.calls(), 0);

    name.set(&[one.address(), two.address(), three.address()]);
    let began = Instant::now();
    while three.calls() == 0 {
        make_calls(&channel, 8).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let _before = (one.calls(), two.calls(), three.calls());
    make_calls(&channel, 1200).await;
    for counting in [&one, &two, &three] {
        assert_share(counting.calls(), 1200, 1.0 / 3.0);
    }

    name.set(&[two.address(), three.address()]);
    let began = Instant::now();
    while {
        make_calls(&channel, 80).await;
        one.calls() > 0
    } {}
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    // A resolver that fails takes nothing away.
    name.set(&[]);
    let failing = async {
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            make_calls(&channel, 80).await;
        }
    };
    failing.await;
}

#[tokio::test]
async fn a_name_without_an_address_is_unavailable_until_it_has_one() {
    let name = Name::default();
    let channel = name.channel();
    assert_eq!(echo(&channel, true).await.unwrap_err().code(), Code::Unavailable);
    let one = Counting::start().await;
    name.set(&[one.address()]);
    let answered = async {
        while echo(&channel, false).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, answered).await.unwrap();
}

/// A call that has not left goes to the other instance, whether it may be repeated or not.
#[tokio::test]
async fn no_call_fails_while_one_instance_after_the_other_is_restarted() {
    let mut servers = [Counting::start().await, Counting::start().await];
    let addresses = servers.each_ref().map(Counting::address);
    let channel = channel(&endpoints(&addresses)).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let (stop, calling) = (Arc::clone(&done), channel.clone());
    let calls = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            make_calls(&calling, 80).await;
        }
    });
    for _ in 0..5 {
        for server in &mut servers {
            let address = server.address();
            server.server.trigger.request();
            (&mut server.server.served).await.unwrap().unwrap();
            make_calls(&channel, 80).await;
            *server = Counting::start_at(Listener::bind(address).unwrap()).await;
            let called = async {
                while server.calls() == 0 {
                    make_calls(&channel, 8).await;
                }
            };
            timeout(PATIENCE, called).await.unwrap();
        }
    }
    done.store(true, Ordering::Relaxed);
    calls.await.unwrap();
}

/// Accepts connections, reads, and breaks them.
async fn breaking() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let broken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut read = [0; 1024];
                if stream.read(&mut read).await.is_ok_and(|length| length > 0) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (address, broken)
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_repeated_only_if_that_is_harmless() {
    let (broken, count) = breaking().await;
    let well = Counting::start().await;
    let lost = channel(&endpoints(&[broken])).unwrap();
    let error = echo(&lost, false).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(count.swap(0, Ordering::Relaxed), 1, "it was sent once");

    let both = channel(&endpoints(&[broken, well.address()])).unwrap();
    let (mut answered, mut failed) = (0, 0);
    for _ in 0..10 {
        match echo(&both, false).await {
            Ok(_) => answered += 1,
            Err(error) => {
                assert_eq!(error.code(), Code::Unavailable);
                failed += 1;
            }
        }
    }
    assert_eq!((answered, failed), (5, 5));
    assert_eq!(well.calls(), 5);
    for _ in 0..10 {
        echo(&both, true).await.unwrap();
    }
    assert_eq!(well.calls(), 10);
}

#[tokio::test]
async fn an_instance_that_is_unavailable_is_avoided() {
    let down = Counting::answering(Duration::ZERO, |_| Err(Status::unavailable("no database"))).await;
    let well = Counting::start().await;
    let both = channel(&endpoints(&[down.address(), well.address()])).unwrap();
    for _ in 0..50 {
        echo(&both, true).await.unwrap();
    }
    assert_eq!(well.calls(), 50);
    let tried = down.calls();
    assert!((1..15).contains(&tried), "{tried}");
    // Alone, it is asked each time, since there is no other.
    let alone = channel(&endpoints(&[down.address()])).unwrap();
    for _ in 0..10 {
        assert_eq!(echo(&alone, true).await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(down.calls(), 10);
}

#[tokio::test]
async fn retries_have_a_budget() {
    let servers =
        [(); 3].map(|()| Counting::answering(Duration::ZERO, |_| Err(Status::unavailable("no database"))));
    let servers = join_all(servers).await;
    let addresses: Vec<_> = servers.iter().map(Counting::address).collect();
    let channel = channel(&endpoints(&addresses)).unwrap();
    for _ in 0..1000 {
        echo(&channel, true).await.unwrap_err();
    }
    let sent: usize = servers.iter().map(Counting::calls).sum();
    // A fifth, and ten for each second of the window.
    assert!((1001..=1310).contains(&sent), "{sent} attempts of 1000 calls");
}

#[tokio::test]
async fn a_connection_ends_at_its_maximum_age_without_a_failure() {
    let server = Counting::answering(Duration::from_millis(50), |text| Ok(Response::new(text))).await;
    let relayed = Relay::to(server.address()).await;
    let channel = channel(&endpoints(&[relayed.address])).unwrap();
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        make_calls(&channel, 80).await;
    }
    let connections = relayed.connections.load(Ordering::Relaxed);
    assert!((3..=25).contains(&connections), "{connections}");
}

/// Counts the connections to a server.
struct Relay {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        Self { address, connections }
    }
}
