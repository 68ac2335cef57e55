//! `countersign serve`: from the command line to a listening server, and to its end.

mod demonstration;
mod dev_messages;
mod logging;

use crate::cli::Serve;
use crate::config::{Config, Mode};
use crate::wiring::{self, Failure};
use countersign_core::Clock;
use countersign_delivery::{Courier, DevOutbox, Words};
use countersign_flows::{
    Services,
    ambient::{FileClock, SystemClock},
};
use countersign_web::WebSettings;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How often what has ended is swept away, signing keys are looked after, and metrics are tidied. The first time is at once:
/// a new server makes its keys while it serves already.
const HOUSEKEEPING: Duration = Duration::from_secs(10 * 60);

/// How long requests that are under way may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);

/// Serves until SIGTERM or Ctrl-C; with `--check`, explains the settings and returns.
pub fn run(options: &Serve) -> Result<(), Failure> {
    let settings = options.settings(std::env::vars_os())?;
    if options.check {
        let explained = settings.explain()?;
        return write!(std::io::stdout(), "{explained}").map_err(Failure::other("standard output"));
    }
    let config = settings.config()?;
    logging::install(&config)?;
    // One crypto provider for the whole program; a second call finds it installed.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let clock: Arc<dyn Clock> = match &options.clock_file {
        Some(path) => Arc::new(FileClock::new(path.clone())),
        None => Arc::new(SystemClock),
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::other("the runtime cannot start"))?
        .block_on(serve(config, clock))
}

async fn serve(mut config: Config, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.listen).await.map_err(|e| {
        Failure::Input(format!("listen {} cannot be used ({e}); choose a free address.", config.listen))
    })?;
    let bound = listener.local_addr().map_err(Failure::other("the listener has no address"))?;
    config.listens_on(bound);
    let services = wiring::services(&config, clock).await?;
    // The first number takes a tenth of a second to parse; nobody should wait for it.
    tokio::task::spawn_blocking(|| "+442079460018".parse::<countersign_core::phone::PhoneNumber>().is_ok());
    let outbox = Arc::new(DevOutbox::default());
    let words = Words { service_name: config.service_name.clone(), public_url: wiring::public_url(&config) };
    let courier = Courier::new(
        services.store.clone(),
        Arc::clone(&services.clock),
        Arc::clone(&services.outbox_bell),
        wiring::transports(&config, &outbox)?,
        words,
    );
    let metrics = PrometheusBuilder::new().install_recorder().map_err(Failure::other("metrics"))?;
    let people = match config.mode {
        Mode::Dev => Some(demonstration::prepare(&config, &services).await?),
        Mode::Production => None,
    };
    let (stop, stopped) = watch::channel(false);
    let courier_done = tokio::spawn(courier.clone().run(stopped.clone()));
    tokio::spawn(housekeeping(services.clone(), metrics.clone(), stopped.clone()));
    if let Some(address) = config.metrics_listen {
        serve_metrics(address, metrics.clone(), stopped.clone()).await?;
    }
    let web = web_settings(&config, metrics, dev_messages::new(&config, outbox, courier));
    let router = countersign_web::router(services, web);
    announce(&config, people.as_deref())?;
    tokio::spawn(async move {
        signal().await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(until(stopped.clone()))
        .into_future();
    tokio::select! {
        done = served => done.map_err(Failure::other("the server stopped"))?,
        () = async { until(stopped).await; tokio::time::sleep(GRACE).await } => tracing::warn!("requests were cut off"),
    }
    drop(tokio::time::timeout(GRACE, courier_done).await);
    Ok(())
}

fn web_settings(
    config: &Config,
    metrics: PrometheusHandle,
    dev_outbox: Option<Arc<dyn countersign_web::DevMessages>>,
) -> WebSettings {
    let shown = config.metrics_listen.is_none();
    WebSettings {
        public_url: config.public_url.clone(),
        secure_cookies: config.public_url.scheme() == "https",
        trusted_proxies: config.trusted_proxies.clone(),
        service_name: config.service_name.clone(),
        security_contact: config.security_contact.clone(),
        api_requests_per_minute: config.api_requests_per_minute,
        assets_version: env!("CARGO_PKG_VERSION").to_owned(),
        dev_outbox,
        metrics: shown
            .then(|| -> Arc<dyn Fn() -> String + Send + Sync> { Arc::new(move || metrics.render()) }),
    }
}

/// `/metrics` on a listener of its own.
async fn serve_metrics(
    address: SocketAddr,
    metrics: PrometheusHandle,
    stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Failure::Input(format!("metrics_listen {address} cannot be used ({e}); choose a free address."))
    })?;
    let render = move || std::future::ready(metrics.render());
    let router = axum::Router::new().route("/metrics", axum::routing::get(render));
    tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(until(stopped)).into_future());
    Ok(())
}

async fn housekeeping(services: Services, metrics: PrometheusHandle, stopped: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = until(stopped.clone()) => return,
        }
        metrics.run_upkeep();
        let (now, idle) = (services.now(), services.rules.lifetimes.idle);
        match services.store.write(move |tx| countersign_store::housekeeping::sweep(tx, now, idle)).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "swept"),
            Err(error) => tracing::warn!(%error, "housekeeping failed; it will be tried again"),
        }
        if let Err(fault) = countersign_flows::openid_connect::keys::tend(&services).await {
            tracing::warn!(%fault, "the signing keys were not looked after; it will be tried again");
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end as well.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// What an operator sees: the address, and in development the people.
fn announce(config: &Config, people: Option<&str>) -> Result<(), Failure> {
    let url = wiring::public_url(config);
    tracing::info!(listen = %config.listen, %url, "serving");
    let Some(people) = people else { return Ok(()) };
    let text =
        format!("\n{people}\n  Open    {url}\n  E-mail and text messages appear at {url}/dev/outbox\n\n");
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::other("standard output"))
}
