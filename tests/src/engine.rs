//! The product's controllers, run in this process for any cluster.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use catalog::azure::NetworkPlugin;
use jiff::SignedDuration;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    runtime::{conditions, wait::Condition},
};
use prometheus::{Registry, proto::MetricFamily};
use provisioner::{
    api::crd,
    clock::Clock,
    cloud::kwok::{self, Kwok},
    control, engine, lifecycle, pipeline,
    source::Catalog,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::cluster::{Cluster, Error};

/// What the controllers work with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cloud.
    pub cloud: kwok::Settings,
    /// The lifecycle.
    pub lifecycle: lifecycle::Settings,
    /// When a batch of pods is closed.
    pub window: control::Window,
}

impl Default for Options {
    /// The product's own times for batches; drains, and looks for empty nodes, as short as they may
    /// be where nobody's traffic depends on them.
    fn default() -> Self {
        let soon = SignedDuration::from_millis(500);
        Self {
            cloud: kwok::Settings::default(),
            lifecycle: lifecycle::Settings {
                least_drain: soon,
                terminate_poll: soon,
                empty_every: soon,
                pod_event_every: soon,
                ..lifecycle::Settings::default()
            },
            window: control::Window::default(),
        }
    }
}

/// Running controllers; [`Engine::stop`] ends them.
pub struct Engine {
    registry: Registry,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Engine {
    /// Installs the custom resources and starts all controllers on Karpenter's kwok catalog, with
    /// the rights that the product has.
    ///
    /// # Errors
    ///
    /// When the API server refuses the definitions.
    pub async fn start(cluster: &Cluster, options: Options) -> Result<Self, Error> {
        install(cluster).await?;
        let (client, catalog) = (cluster.product_client(), kwok_catalog());
        let clock = Clock::system();
        let cloud = Kwok::new(client.clone(), &catalog, options.cloud, clock.clone());
        let registry = Registry::new();
        let control =
            control::Settings { window: options.window, ..control::Settings::new(plan_settings()) };
        let parts = engine::Engine {
            client,
            catalog,
            control,
            lifecycle: options.lifecycle,
            registry: registry.clone(),
            clock,
            synced: Arc::new(AtomicBool::new(false)),
        };
        let (stop, stopped) = watch::channel(false);
        // A registry that was made a moment ago has no metric of any name.
        let work = parts.start(Arc::new(cloud), stopped).expect("the registry is new");
        Ok(Self { registry, stop, task: tokio::spawn(work) })
    }

    /// The value of a counter or gauge with this label, 0 when there is none.
    pub fn metric(&self, name: &str, label: Option<(&str, &str)>) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0.0, |family| sum(family, label))
    }

    /// Stops the controllers and waits until they have.
    pub async fn stop(mut self) {
        // Nobody listens any more when the controllers have ended by themselves.
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(10), &mut self.task).await;
    }
}

impl Drop for Engine {
    /// A test that failed is about to remove what the controllers would make again.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Installs the custom resources and waits until the API server knows them.
///
/// # Errors
///
/// When it refuses the definitions.
pub async fn install(cluster: &Cluster) -> Result<(), Error> {
    let definitions = crd::all();
    for (_, definition) in &definitions {
        cluster.apply(&crd::to_yaml(definition)).await?;
    }
    for (_, definition) in &definitions {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let what = format!("{name} is established");
        let established = cluster.wait_until(&what, Duration::from_secs(60), |client| async move {
            let known = Api::<CustomResourceDefinition>::all(client).get(name).await?;
            Ok(conditions::is_crd_established().matches_object(Some(&known)))
        });
        established.await?;
    }
    Ok(())
}

/// What Karpenter's kwok provider sells.
pub fn kwok_catalog() -> Catalog {
    let types = catalog::kwok::instance_types().into_iter().map(Arc::new).collect();
    Catalog::Types { name: "kwok".to_owned(), types }
}

fn sum(family: &MetricFamily, label: Option<(&str, &str)>) -> f64 {
    let fits = |metric: &&prometheus::proto::Metric| {
        label.is_none_or(|(name, value)| {
            metric.get_label().iter().any(|pair| pair.name() == name && pair.value() == value)
        })
    };
    let value = |metric: &prometheus::proto::Metric| {
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    family.get_metric().iter().filter(fits).map(value).fold(0.0, |sum, value| sum + value)
}

fn plan_settings() -> pipeline::Settings {
    pipeline::Settings {
        kubernetes_version: (1, 35),
        network_plugin: NetworkPlugin::None,
        max_pods: None,
        os_disk_price: None,
        policies: pipeline::Policies::default(),
        search: pipeline::Search::default(),
    }
}
