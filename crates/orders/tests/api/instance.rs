//! A further instance of the service.

use rowhouse_chassis::service::App;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_orders::Config;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use tokio::task::JoinHandle;

use crate::world::{Orders, World};

/// Another instance on the database of a world. Dropping it kills it: nothing is finished or released.
pub(crate) struct Instance {
    endpoint: String,
    serving: JoinHandle<()>,
}

impl Instance {
    pub(crate) async fn start(world: &World, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = world.config();
        change(&mut config);
        let app = App::build(config).await.unwrap();
        let endpoint = format!("http://{}", app.address());
        let serving = tokio::spawn(async move {
            let (_trigger, shutdown) = Shutdown::new();
            app.serve(shutdown).await.unwrap();
        });
        Self { endpoint, serving }
    }

    /// Returns the same caller at this instance.
    pub(crate) async fn orders(&self, caller: &Orders) -> Orders {
        let client = OrderServiceClient::connect(self.endpoint.clone()).await.unwrap();
        Orders { client, ..caller.clone() }
    }

    pub(crate) async fn kill(mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
