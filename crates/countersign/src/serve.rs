//! `countersign serve`: from the command line to a listening server, and to its end.

mod data_lock;
pub(crate) mod demonstration;
mod dev_messages;
mod edge;
mod exporter;
pub(crate) mod logging;
mod shutdown;

use crate::cli::Serve;
use crate::config::{Config, Database, Mode};
use crate::wiring::{self, Failure, Start};
use countersign_core::Clock;
use countersign_delivery::{Courier, DevOutbox, Words};
use countersign_flows::{
    Services,
    ambient::{FileClock, SystemClock},
};
use countersign_web::{SupportContacts, WebSettings};
use edge::{Edge, Limits, Stage};
use exporter::Exporter;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How often what has ended is swept away, signing keys are looked after, and metrics are tidied. The first time is at once:
/// a new server makes its keys while it serves already.
const HOUSEKEEPING: Duration = Duration::from_secs(10 * 60);

/// How long messages that are being sent may take after the last request.
const GRACE: Duration = Duration::from_secs(20);

/// Connections to `metrics_listen`: in total, and for one network.
const SCRAPERS: usize = 100;
const SCRAPERS_OF_A_NETWORK: usize = 20;

/// What `--check` ends with.
const NOT_CHECKED: &str = "Not checked: the data directory, the keys, the database, whether email and text messages can be sent, and the \
     clock. Run `countersign doctor` with the same --config to check them.";

/// Serves until SIGTERM or Ctrl-C; with `--check`, explains the settings and returns.
pub fn run(options: &Serve) -> Result<(), Failure> {
    let settings = options.settings(std::env::vars_os())?;
    if options.check {
        let explained = settings.explain()?;
        let all = format!("{explained}\n{NOT_CHECKED}\n");
        return std::io::stdout().write_all(all.as_bytes()).map_err(Failure::other("standard output"));
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
        .block_on(serve(config, clock, Start::of(options.new_database)))
}

async fn serve(mut config: Config, clock: Arc<dyn Clock>, start: Start) -> Result<(), Failure> {
    shutdown::survive_file_size_limit();
    let listener = bind("listen", config.listen).await?;
    let bound = listener.local_addr().map_err(Failure::other("the listener has no address"))?;
    config.listens_on(bound);
    // The lock is held to the end of the function.
    let _only_server = data_lock::take(&config).await?;
    let metrics = exporter::install()?;
    let services = wiring::services(&config, clock, start).await?;
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
    let people = match config.mode {
        Mode::Dev => Some(demonstration::prepare(&config, &services).await?),
        Mode::Production => None,
    };
    let (stage, stages) = watch::channel(Stage::Serving);
    let (stop, stopped) = watch::channel(false);
    let stopping = Arc::new(AtomicBool::new(false));
    let courier_done = tokio::spawn(courier.clone().run(stopped.clone()));
    tokio::spawn(housekeeping(services.clone(), metrics.clone(), stopped));
    if let Some(address) = config.metrics_listen {
        serve_metrics(address, metrics.clone(), limits(&config), stages.clone()).await?;
    }
    let channels = courier.channels();
    let mut web = web_settings(&config, metrics, dev_messages::new(&config, outbox, courier));
    web.channel_is_up = Some(Arc::new(move |channel| channels.is_up(channel)));
    web.stopping = Arc::clone(&stopping);
    let router = countersign_web::router(services, web);
    let limits = Limits { connections: connections(&config), ..limits(&config) };
    let edge = Edge::new("listen", router, limits, config.trusted_proxies.clone(), stages.clone());
    announce(&config, people.as_deref())?;
    tokio::spawn(shutdown::watch(stage, stopping, config.drain));
    tokio::select! {
        () = edge::serve(listener, edge) => {}
        // Nothing new is begun while the last requests are answered.
        () = closing(stages, stop) => {}
    }
    drop(tokio::time::timeout(GRACE, courier_done).await);
    Ok(())
}

async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| {
        Failure::Input(format!("{setting} {address} cannot be used ({e}); choose a free address."))
    })
}

/// As many connections as are configured, or as there can be files for.
fn connections(config: &Config) -> usize {
    let database = match &config.database {
        Database::Sqlite { .. } => 0,
        Database::Postgres { connections, .. } => connections.get(),
    };
    edge::raise_file_limit(config.http.max_connections, database)
}

fn limits(config: &Config) -> Limits {
    let http = &config.http;
    Limits {
        header: http.header,
        body: http.body,
        idle: http.idle,
        connections: http.max_connections,
        connections_per_network: http.max_connections_per_network,
    }
}

/// Notifies the tasks beside the listener, once, that the server stops. Never resolves: the listener has the last word.
async fn closing(mut stages: watch::Receiver<Stage>, stop: watch::Sender<bool>) {
    drop(stages.wait_for(|stage| *stage == Stage::Closing).await);
    stop.send_replace(true);
    std::future::pending::<()>().await;
}

fn web_settings(
    config: &Config,
    metrics: Exporter,
    dev_outbox: Option<Arc<dyn countersign_web::DevMessages>>,
) -> WebSettings {
    let shown = config.metrics_listen.is_none();
    WebSettings {
        public_url: config.public_url.clone(),
        secure_cookies: config.public_url.scheme() == "https",
        trusted_proxies: config.trusted_proxies.clone(),
        service_name: config.service_name.clone(),
        security_contact: config.security_contact.clone(),
        support: SupportContacts {
            url: config.support_url.clone(),
            email: config.support_email.as_ref().map(ToString::to_string),
        },
        channel_is_up: None,
        api_requests_per_minute: config.api_requests_per_minute,
        assets_version: env!("CARGO_PKG_VERSION").to_owned(),
        dev_outbox,
        stopping: Arc::default(),
        metrics: shown
            .then(|| -> Arc<dyn Fn() -> String + Send + Sync> { Arc::new(move || metrics.render()) }),
    }
}

/// `/metrics` on a listener of its own.
async fn serve_metrics(
    address: SocketAddr,
    metrics: Exporter,
    limits: Limits,
    stages: watch::Receiver<Stage>,
) -> Result<(), Failure> {
    let listener = bind("metrics_listen", address).await?;
    let render = move || std::future::ready(metrics.render());
    let router = axum::Router::new().route("/metrics", axum::routing::get(render));
    let limits = Limits { connections: SCRAPERS, connections_per_network: SCRAPERS_OF_A_NETWORK, ..limits };
    let edge = Edge::new("metrics_listen", router, limits, Vec::new(), stages);
    tokio::spawn(edge::serve(listener, edge));
    Ok(())
}

async fn housekeeping(services: Services, metrics: Exporter, stopped: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = until(stopped.clone()) => return,
        }
        metrics.run_upkeep();
        let (now, idle) = (services.now(), services.rules.lifetimes.idle);
        match services
            .store
            .write_in_background(move |tx| countersign_store::housekeeping::sweep(tx, now, idle))
            .await
        {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "swept"),
            Err(error) => tracing::warn!(%error, "housekeeping failed; it will be tried again"),
        }
        match countersign_flows::activity::forget_old(&services).await {
            Ok(0) => {}
            Ok(events) => tracing::info!(events, "old activity deleted"),
            Err(fault) => tracing::warn!(%fault, "old activity was not deleted; it will be tried again"),
        }
        if let Err(error) = countersign_flows::sending::measure(&services).await {
            tracing::warn!(%error, "the budgets were not measured; it will be tried again");
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

/// What an operator sees: the address, and in development the people.
fn announce(config: &Config, people: Option<&str>) -> Result<(), Failure> {
    let url = wiring::public_url(config);
    tracing::info!(listen = %config.listen, %url, "serving");
    let Some(people) = people else { return Ok(()) };
    let text =
        format!("\n{people}\n  Open    {url}\n  E-mail and text messages appear at {url}/dev/outbox\n\n");
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::other("standard output"))
}
